import { describe, expect, test } from 'vitest';
import { createInstanceStore } from '../../src/adapters/redis/instance-store.ts';
import type { SampleStore } from '../../src/adapters/redis/sample-store.ts';
import { chooseSibling, chooseTarget } from '../../src/collector/choose-target.ts';
import { classifyEnd } from '../../src/collector/end-reason.ts';
import { createIdentifier } from '../../src/collector/identify.ts';
import type { Instance } from '../../src/collector/instance.ts';
import type { InstanceTable } from '../../src/collector/instance-table.ts';
import { createRecorder, MAX_WAITING_SAMPLES } from '../../src/collector/recorder.ts';
import { everyTick } from '../../src/collector/ticker.ts';
import { inconclusive, ok } from '../../src/errors.ts';
import { startRedis } from '../support/redis.ts';

describe('why an instance ended', () => {
  const ended = { pid: 10, ppid: 5, release: 'v1', startedAt: 1000, endedAt: 2000 };
  const other = (pid: number, release: string | null, startedAt: number) => ({ pid, release, startedAt });
  //  oom    others                                      reason
  test.each([
    [true, [], 'oom'],
    [true, [other(11, 'v2', 1990)], 'oom'],
    [false, [], 'restart'],
    [false, [other(11, 'v2', 1990)], 'deploy'],
    [false, [other(11, 'v2', 2590)], 'deploy'],
    [false, [other(11, 'v2', 2700)], 'restart'],
    [false, [other(11, 'v2', 1100)], 'restart'],
    [false, [other(11, 'v2', 900)], 'restart'],
    [false, [other(11, 'v1', 1990)], 'restart'],
    [false, [other(11, null, 1990)], 'restart'],
    [false, [other(5, 'v1', 900)], 'recycle'],
    [false, [other(5, 'v1', 900), other(11, 'v2', 1990)], 'deploy'],
  ])('oom counter %s, others %j: %s', (wasOomKilled, others, reason) => {
    expect(classifyEnd(ended, others, wasOomKilled)).toBe(reason);
  });
});

describe('the target of a snapshot', () => {
  const tables = new Map([['checkout', aTable([anInstance('1.1', 5), anInstance('2.2', 50), anInstance('3.3', 20)])]]);

  test('is the named one, or the largest where none of ours is named', () => {
    expect(chooseTarget(tables, 'checkout', '3.3')).toMatchObject({ value: { instance: '3.3', pid: 3 } });
    expect(chooseTarget(tables, 'checkout', null)).toMatchObject({ value: { instance: '2.2' } });
    expect(chooseTarget(tables, 'checkout', 'pod-1:9090')).toMatchObject({ value: { instance: '2.2' } });
  });

  test('prefers a smaller one with a probe to a larger one without', () => {
    const bare = { ...anInstance('2.2', 50), socketPath: null };
    const mixed = new Map([['checkout', aTable([anInstance('1.1', 5), bare])]]);
    expect(chooseTarget(mixed, 'checkout', null)).toMatchObject({ value: { instance: '1.1' } });
    expect(chooseTarget(mixed, 'checkout', '2.2')).toMatchObject({ value: { instance: '2.2', socketPath: null } });
  });

  test('is a failure that says what is missing', () => {
    expect(chooseTarget(tables, 'checkout', '9.9')).toMatchObject({
      outcome: 'inconclusive',
      why: expect.stringContaining('9.9'),
    });
    expect(chooseTarget(tables, 'other', null)).toMatchObject({ outcome: 'error' });
    expect(chooseTarget(new Map([['checkout', aTable([])]]), 'checkout', null)).toMatchObject({
      outcome: 'inconclusive',
    });
  });
});

describe('the sibling that a target is compared with', () => {
  const one = (instance: string, release: string | null, startedAt: number, socketPath: string | null = '/s') => ({
    ...anInstance(instance, 5),
    release,
    startedAt,
    socketPath,
  });
  const target = one('1.1', 'v2', 1000);
  //  others                                             chosen
  test.each([
    [[], null],
    [[one('2.2', 'v1', 500)], '2.2'],
    [[one('2.2', 'v1', 500), one('3.3', 'v1', 700)], '3.3'],
    [[one('2.2', 'v1', 500), one('3.3', 'v2', 5000)], '2.2'],
    [[one('2.2', 'v2', 1001)], null],
    [[one('2.2', 'v2', 500)], null],
    [[one('2.2', 'v2', 2000), one('3.3', 'v2', 3000)], '3.3'],
    [[one('2.2', null, 500)], null],
    [[one('2.2', null, 2000)], '2.2'],
    [[one('2.2', 'v1', 500, null)], null],
  ])('of %j it is %s', (others, chosen) => {
    const tables = new Map([['checkout', aTable([target, ...others])]]);
    expect(chooseSibling(tables, 'checkout', target)?.instance ?? null).toBe(chosen);
  });

  test('is none for a target that is not in the table', () => {
    expect(chooseSibling(new Map([['checkout', aTable([target])]]), 'checkout', { instance: '9.9' })).toBeNull();
  });
});

describe('the probe of a new process', () => {
  test('is asked until it answers, less and less often, and never two times at once', async () => {
    let asked = 0;
    const answer = inconclusive('upstream', 'silent', '');
    const identifier = createIdentifier(async () => {
      asked += 1;
      return asked < 3 ? answer : ok({ release: 'v3', python: '3.12.1' });
    });
    const instance = { ...anInstance('1.1', 5), release: null, pid: 2 ** 22 + 1 };
    const at = async (seconds: number) =>
      (await identifier.identify([instance], seconds * 1000, new AbortController().signal)).length;
    expect([await at(0), await at(1), await at(5), await at(19)]).toEqual([0, 0, 0, 0]);
    expect(asked).toBe(2);
    expect([await at(20), await at(1000)]).toEqual([1, 0]);
    expect(instance).toMatchObject({ release: 'v3', python: '3.12.1' });
    expect(asked).toBe(3);
  });
});

describe('samples that wait for Redis', () => {
  test('are bounded: the oldest go and are counted, the others are written when Redis answers again', async () => {
    const server = await startRedis();
    try {
      let isBroken = true;
      const written: number[] = [];
      const samples: Pick<SampleStore, 'append'> = {
        append: async (batch) => {
          if (isBroken) throw new Error('gone');
          written.push(...batch.flatMap((one) => one.samples.map(({ atMs }) => atMs)));
        },
      };
      const instances = createInstanceStore({ redis: server.connect(), prefix: '{recorder-test}', keepSeconds: 60 });
      const recorder = createRecorder({ host: 'here', samples, instances });
      const hundred = Array.from({ length: 100 }, (_, index) => anInstance(`${index}.1`, 1));
      const ticks = MAX_WAITING_SAMPLES / 100 + 3;
      for (let tick = 0; tick < ticks; tick += 1) recorder.addSamples(tick, hundred);
      expect(recorder.dropped()).toBe(300);
      await expect(recorder.flush()).rejects.toThrow('gone');
      isBroken = false;
      await recorder.flush();
      expect(written).toHaveLength(MAX_WAITING_SAMPLES);
      expect(Math.min(...written)).toBe(3);
      await recorder.flush();
      expect(written).toHaveLength(MAX_WAITING_SAMPLES);
    } finally {
      await server.close();
    }
  });
});

test('ticks keep to their grid, leave missed ones out, and end with the signal', async () => {
  const stop = new AbortController();
  const times: number[] = [];
  const start = performance.now();
  const tick = () => {
    times.push(performance.now() - start);
    // As on a machine that was suspended for the time of three ticks.
    if (times.length === 3) for (const until = performance.now() + 640; performance.now() < until; );
    if (times.length === 6) stop.abort();
  };
  await everyTick(0.2, tick, stop.signal);
  const late = times.map((at, index) => at - ([0, 200, 400, 1200, 1400, 1600][index] ?? Number.NaN));
  expect(late.filter((milliseconds) => milliseconds > -5 && milliseconds < 150)).toHaveLength(6);
});

function anInstance(instance: string, rssBytes: number): Instance {
  const pid = Number(instance.split('.')[0]);
  const life = {
    release: 'v1',
    python: null,
    startedAt: 1,
    endedAt: null,
    endReason: null,
    cgroup: null,
    limitBytes: null,
  };
  return {
    service: 'checkout',
    instance,
    pid,
    ppid: 1,
    startTicks: 1,
    socketPath: '/s',
    ...life,
    rssBytes,
    anonymousBytes: 0,
  };
}

function aTable(live: readonly Instance[]): InstanceTable {
  return {
    service: 'checkout',
    live: () => live,
    find: (instance) => live.find((one) => one.instance === instance) ?? null,
    pass: () => ({ born: [], ended: [], failure: null }),
    adopt: () => null,
  };
}
