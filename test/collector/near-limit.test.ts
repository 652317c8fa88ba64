import { describe, expect, it } from 'vitest';
import type { Instance } from '../../src/collector/instance.ts';
import { createNearLimit, toUsages } from '../../src/collector/near-limit.ts';

const MIB = 1 << 20;

function process(pid: number, rssMib: number, parts: Partial<Instance> = {}): Instance {
  return {
    service: 'checkout',
    instance: `${pid}.1`,
    pid,
    ppid: 1,
    startTicks: 1,
    socketPath: null,
    release: null,
    python: null,
    startedAt: 0,
    endedAt: null,
    endReason: null,
    cgroup: null,
    limitBytes: null,
    rssBytes: rssMib * MIB,
    anonymousBytes: 0,
    ...parts,
  };
}

const inCgroup = (path: string): Partial<Instance> => ({
  cgroup: { version: 2, path, mountPoint: '/sys/fs/cgroup' },
  limitBytes: 100 * MIB,
});
const none = () => null;
const at = (mib: number) => toUsages([process(1, mib)], () => 100 * MIB);

describe('how near a limit is', () => {
  it('counts all processes of a cgroup together and names the largest', () => {
    const workers = [process(1, 30, inCgroup('/a')), process(2, 50, inCgroup('/a')), process(3, 20, inCgroup('/b'))];
    expect(toUsages(workers, none)).toMatchObject([
      { usedBytes: 80 * MIB, limitBytes: 100 * MIB, largest: { pid: 2 } },
      { usedBytes: 20 * MIB, largest: { pid: 3 } },
    ]);
  });

  it('holds a configured limit against each process, and knows nothing without a limit', () => {
    const both = [process(1, 30), process(2, 50)];
    expect(toUsages(both, () => 60 * MIB).map(({ usedBytes }) => usedBytes)).toEqual([30 * MIB, 50 * MIB]);
    expect(toUsages(both, none)).toEqual([]);
  });
});

describe('what is looked into', () => {
  it('is whoever passes 85 %, then 95 %, each once until it fell below 75 %', () => {
    const near = createNearLimit();
    const looks = [84, 85, 90, 94.9, 95, 99, 80, 90, 74, 86, 96].map((mib) => near.next(at(mib)) !== null);
    expect(looks).toEqual([false, true, false, false, true, false, false, false, false, true, true]);
  });

  it('is one at a time, the fullest first; the others come next', () => {
    const near = createNearLimit();
    const three = toUsages([process(1, 88), process(2, 97), process(3, 50)], () => 100 * MIB);
    expect([near.next(three), near.next(three), near.next(three)].map((one) => one?.largest.pid ?? null)).toEqual([
      2,
      1,
      null,
    ]);
  });
});
