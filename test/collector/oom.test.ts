import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { type MemoryCgroup, readOomKills } from '../../src/adapters/procfs/cgroup.ts';
import { createObserver } from '../../src/collector/observer.ts';
import { createOomWatch } from '../../src/collector/oom-watch.ts';
import { makeCgroup, removeCgroup, setLimit } from '../support/limited-cgroup.ts';
import { createPrograms } from './programs.ts';

const MIB = 1 << 20;
const LIMIT_BYTES = 64 * MIB;
/** Waits for a file, then fills its memory far beyond the limit. */
const GLUTTON = `
import os, time
while not os.path.exists(os.environ["GO"]): time.sleep(0.02)
held = [bytearray(8 << 20) for _ in range(64)]
time.sleep(60)`;

const outer = makeCgroup(LIMIT_BYTES);
afterAll(async () => {
  if (outer !== null) await removeCgroup(outer.path);
});

test.skipIf(outer === null)(
  'a process that the kernel OOM-kills in its cgroup ended by oom, its neighbour by restart',
  async () => {
    if (outer === null) return;
    const programs = await createPrograms();
    const inner = `${outer.path}/inner`;
    mkdirSync(inner);
    try {
      const go = `${programs.sockets}/go`;
      const victim = await programs.start({ GO: go }, GLUTTON);
      const neighbour = await programs.start();
      writeFileSync(`${inner}/cgroup.procs`, String(victim.pid));
      setLimit(outer, LIMIT_BYTES);
      const observer = createObserver([{ name: 'checkout', sockets: programs.sockets }]);
      const born = observer.observe(Date.now()).born;
      // The tightest limit is the parent's: the cgroup of the process itself has none.
      expect(born.find(({ pid }) => pid === victim.pid)?.limitBytes).toBe(LIMIT_BYTES);

      writeFileSync(go, '');
      const ends: [number, string | null][] = [];
      const look = () => {
        ends.push(
          ...observer.observe(Date.now()).ended.map(({ pid, endReason }): [number, string | null] => [pid, endReason]),
        );
        return ends;
      };
      await expect.poll(look, { timeout: 20_000 }).toEqual([[victim.pid, 'oom']]);
      const cgroup: MemoryCgroup = { ...outer, path: inner };
      expect(readOomKills(cgroup)).toBe(1);
      await neighbour.kill();
      await expect.poll(look, { timeout: 20_000 }).toEqual([
        [victim.pid, 'oom'],
        [neighbour.pid, 'restart'],
      ]);
    } finally {
      await programs.close();
      await removeCgroup(inner);
    }
  },
);

test('a kill explains one end in its cgroup, and nothing a minute later', () => {
  const cgroup: MemoryCgroup = { version: 2, path: '/sys/fs/cgroup/a', mountPoint: '/sys/fs/cgroup' };
  let kills = 3;
  const watch = createOomWatch(() => kills);
  watch.refresh([cgroup], 0);
  expect(watch.claim(cgroup)).toBe(false);
  kills = 4;
  watch.refresh([cgroup], 15);
  expect(watch.claim(cgroup)).toBe(true);
  expect(watch.claim(cgroup)).toBe(false);
  kills = 5;
  watch.refresh([cgroup], 30);
  expect(watch.takeStrays()).toEqual([]);
  watch.refresh([cgroup], 100);
  expect(watch.claim(cgroup)).toBe(false);
  // A child or a neighbour: told once.
  expect(watch.takeStrays()).toEqual([{ cgroup, at: 30 }]);
  expect(watch.takeStrays()).toEqual([]);
});
