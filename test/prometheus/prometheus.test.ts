import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPrometheus, type Prometheus, startQuery } from '../../src/adapters/prometheus/prometheus.ts';
import type { ServiceMemory } from '../../src/analysis/memory.ts';
import type { Metrics } from '../../src/config/config.ts';
import { ok } from '../../src/errors.ts';
import { chooseMemorySource } from '../../src/main/memory-source.ts';
import { HAS_PROMETHEUS, type Recorded, startPrometheus, type TestServer } from './server.ts';

const HOUR = 3600;
const MIB = 2 ** 20;
const NOW = Math.floor(Date.now() / 1000);
const STEP = 15;
const [A, B, C] = ['a:9000', 'b:9000', 'c:9000'].map((instance) => `job="checkout",instance="${instance}"`) as [
  string,
  string,
  string,
];
const A_START = NOW - 20 * HOUR;
const A_RESTART = NOW - 3 * HOUR;
const B_START = NOW - 30 * HOUR;
const B_END = NOW - HOUR;
const OOM_AT = NOW - 2 * HOUR;
const C_START = NOW - 40 * 60;

function every(from: number, until: number, labels: string, value: (at: number) => number): Recorded['samples'] {
  const count = Math.floor((until - from) / STEP);
  return Array.from({ length: count + 1 }, (_, i) => ({ labels, at: from + i * STEP, value: value(from + i * STEP) }));
}

/** `a` gets release v2 three hours ago and grows, `b` is gone since an hour, `c` came 40 minutes ago. */
const from = NOW - 6 * HOUR;
const RECORDED: Recorded[] = [
  {
    metric: 'process_resident_memory_bytes',
    type: 'gauge',
    samples: [
      ...every(from, NOW, A, (at) => (at < A_RESTART ? 400 * MIB : 300 * MIB + ((at - A_RESTART) / HOUR) * 90 * MIB)),
      ...every(from, B_END, B, () => 500 * MIB),
      ...every(C_START, NOW, C, () => 200 * MIB),
    ],
  },
  {
    metric: 'process_start_time_seconds',
    type: 'gauge',
    samples: [
      ...every(from, NOW, A, (at) => (at < A_RESTART ? A_START : A_RESTART)),
      ...every(from, B_END, B, () => B_START),
      ...every(C_START, NOW, C, () => C_START - 2),
    ],
  },
  {
    metric: 'app_info',
    type: 'gauge',
    samples: [
      ...every(from, A_RESTART - STEP, `${A},release="v1"`, () => 1),
      ...every(A_RESTART, NOW, `${A},release="v2"`, () => 1),
      ...every(from, B_END, `${B},release="v1"`, () => 1),
      ...every(C_START, NOW, `${C},release="v2"`, () => 1),
    ],
  },
  {
    metric: 'limit_bytes',
    type: 'gauge',
    samples: [
      ...every(from, NOW, A, () => 2048 * MIB),
      ...every(from, B_END, B, () => 1024 * MIB),
      ...every(C_START, NOW, C, () => 2 ** 63),
    ],
  },
  {
    metric: 'oom',
    type: 'counter',
    samples: every(from, NOW, A, (at) => (at < OOM_AT ? 3 : 5)),
  },
  {
    metric: 'requests_per_second',
    type: 'gauge',
    samples: [
      ...every(from, NOW, `${A},route="/pay"`, (at) => 40 + (at - from) / HOUR),
      ...every(from, NOW, `${A},route="/list"`, () => 10),
    ],
  },
  { metric: 'nothing', type: 'gauge', samples: every(NOW - 60, NOW, 'job="checkout"', () => Number.NaN) },
];

const METRICS: Metrics = {
  rss: 'process_resident_memory_bytes{job="checkout"}',
  limit: 'limit_bytes',
  oomKills: 'oom_total',
  release: 'app_info',
  traffic: null,
};

describe.skipIf(!HAS_PROMETHEUS)('the real Prometheus', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startPrometheus(RECORDED);
  });

  afterAll(() => server.close());

  function open(metrics: Partial<Metrics> = {}, limitBytes: number | null = null): Prometheus {
    const services = new Map([['checkout', { limitBytes, metrics: { ...METRICS, ...metrics } }]]);
    return createPrometheus({ url: server.url, services, logger: pino({ level: 'silent' }), now: () => NOW * 1000 });
  }

  async function read(metrics: Partial<Metrics> = {}, sinceSeconds = 6 * HOUR): Promise<ServiceMemory> {
    const answer = await open(metrics).readMemory('checkout', sinceSeconds, new AbortController().signal);
    if (answer.outcome !== 'ok') throw new Error(answer.why);
    return answer.value;
  }

  test('gives every instance its own lives, with start, release, end and limit', async () => {
    const memory = await read();
    expect(memory.source).toBe('prometheus');
    expect(memory.sourceNote).toBeUndefined();
    expect(memory.instances.map((instance) => ({ ...instance, samples: undefined }))).toMatchObject([
      {
        instance: 'a:9000~1',
        release: 'v1',
        startedAt: A_START,
        endedAt: expect.closeTo(A_RESTART, -2),
        endReason: 'deploy',
        limitBytes: 2048 * MIB,
      },
      {
        instance: 'a:9000',
        release: 'v2',
        startedAt: A_RESTART,
        endedAt: null,
        endReason: null,
        limitBytes: 2048 * MIB,
      },
      {
        instance: 'b:9000',
        release: 'v1',
        startedAt: B_START,
        // Prometheus shows the last sample for five minutes more.
        endedAt: expect.closeTo(B_END + 300, -2),
        endReason: 'restart',
        limitBytes: 1024 * MIB,
      },
      { instance: 'c:9000', release: 'v2', startedAt: C_START - 2, endedAt: null, endReason: null, limitBytes: null },
    ]);
    // That of what runs: b is gone.
    expect(memory.limitBytes).toBe(2048 * MIB);
    expect(memory.deploys).toEqual([
      { release: 'v1', at: B_START },
      { release: 'v2', at: A_RESTART },
    ]);
  });

  test('gives the samples as they were recorded', async () => {
    const memory = await read();
    const samples = memory.instances.find(({ instance }) => instance === 'a:9000')?.samples ?? [];
    expect(samples.length).toBeCloseTo((3 * HOUR) / STEP, -1);
    expect(samples.at(-1)).toEqual([expect.closeTo(NOW, -2), expect.closeTo(570 * MIB, -6)]);
    expect(samples.every(([at], i) => i === 0 || at > (samples[i - 1]?.[0] ?? 0))).toBe(true);
  });

  test('counts OOM kills by the rises of the counter, not by its level', async () => {
    const memory = await read();
    expect(memory.oomKillsAt).toHaveLength(2);
    expect(memory.oomKillsAt?.[0]).toBeCloseTo(OOM_AT, -2);
  });

  test("prefers the configured limit, and takes a release from the memory series' own label", async () => {
    const answer = await open({ rss: 'app_info * 1e8', release: null }, 512 * MIB).readMemory(
      'checkout',
      6 * HOUR,
      AbortSignal.timeout(5000),
    );
    expect(answer).toMatchObject({ outcome: 'ok', value: { limitBytes: 512 * MIB } });
    const releases =
      answer.outcome === 'ok' ? answer.value.instances.map(({ instance, release }) => [instance, release]) : [];
    expect(releases).toEqual([
      ['a:9000~1', 'v1'],
      ['a:9000', 'v2'],
      ['b:9000', 'v1'],
      ['c:9000', 'v2'],
    ]);
  });

  test('a missing series beside the memory is told and never counts as zero', async () => {
    const memory = await read({ oomKills: 'no_such_metric', limit: 'sum(' });
    expect(memory.oomKillsAt).toBeNull();
    expect(memory.limitBytes).toBeNull();
    expect(memory.sourceNote).toMatch(
      /metrics.limit: Prometheus refuses the query: .*parse error.*; metrics.oomKills: Prometheus has no data for no_such_metric/s,
    );
  });

  describe('traffic', () => {
    const HELD = { source: 'collector', instances: [], limitBytes: null, oomKillsAt: null, deploys: [] } as const;

    /** As the roles read it, for a service whose memory the collector samples. */
    async function readBoth(traffic: string | null): Promise<ServiceMemory> {
      const config = {
        services: new Map([['checkout', { metrics: { ...METRICS, rss: null, traffic }, sockets: '/s' }]]),
      };
      const collector = { readMemory: () => Promise.resolve(ok<ServiceMemory>(HELD)) };
      const source = chooseMemorySource(config, open({ rss: null, traffic }), collector);
      const answer = await source.readMemory('checkout', 6 * HOUR, AbortSignal.timeout(5000));
      if (answer.outcome !== 'ok') throw new Error(answer.why);
      return answer.value;
    }

    test('is the sum of the series that its query gives, beside memory from anywhere', async () => {
      const { traffic, sourceNote } = await readBoth('requests_per_second');
      expect(sourceNote).toBeUndefined();
      expect(traffic?.[0]).toEqual([expect.closeTo(from, -2), expect.closeTo(50, 0)]);
      expect(traffic?.at(-1)).toEqual([expect.closeTo(NOW, -2), expect.closeTo(56, 0)]);
      expect(traffic?.length).toBeGreaterThan(600);
    });

    test('that has no data is told, and is never taken for no requests', async () => {
      const { traffic, sourceNote } = await readBoth('no_such_metric');
      expect(traffic).toBeUndefined();
      expect(sourceNote).toBe('metrics.traffic: Prometheus has no data for no_such_metric');
    });

    test('that nobody configured is not asked for', async () => {
      expect(await readBoth(null)).toEqual(HELD);
    });
  });

  test('no series of memory is no data', async () => {
    const answer = await open({ rss: 'no_such_metric' }).readMemory('checkout', HOUR, AbortSignal.timeout(5000));
    expect(answer).toMatchObject({
      outcome: 'inconclusive',
      why: 'Prometheus has no data for no_such_metric',
      tryThis: expect.stringContaining('services.checkout.metrics.rss'),
    });
  });

  test('stays under the points that Prometheus allows, for thirty days too', async () => {
    const memory = await read({}, 30 * 24 * HOUR);
    expect(memory.instances.length).toBeGreaterThan(0);
  });

  test('an unknown service is told', async () => {
    expect(await open().readMemory('chekout', HOUR, AbortSignal.timeout(5000))).toMatchObject({
      outcome: 'error',
      who: 'user',
    });
  });

  test("answers a runbook's own query with one number a series", async () => {
    const ask = (promql: string) => open().queryInstant(promql, AbortSignal.timeout(5000));
    expect(await ask('sum(oom_total) by (instance)')).toEqual({
      outcome: 'ok',
      value: [{ labels: { instance: 'a:9000' }, value: 5 }],
    });
    expect(await ask('scalar(oom_total) + 1')).toEqual({ outcome: 'ok', value: [{ labels: {}, value: 6 }] });
    expect(await ask('no_such_metric')).toMatchObject({
      outcome: 'inconclusive',
      why: expect.stringContaining('no data'),
    });
    expect(await ask('oom_total / 0 or limit_bytes * NaN')).toMatchObject({
      outcome: 'ok',
      value: [{ value: Infinity }, { value: Number.NaN }],
    });
    expect(await ask('nothing')).toMatchObject({ outcome: 'inconclusive', why: expect.stringContaining('no data') });
    expect(await ask('oom_total[5m]')).toMatchObject({
      outcome: 'error',
      who: 'operator',
      tryThis: expect.stringContaining('rate()'),
    });
    expect(await ask('sum(')).toMatchObject({
      outcome: 'error',
      who: 'operator',
      why: expect.stringContaining('parse error'),
    });
    expect(await ask(`oom_total + ${Array.from({ length: 2000 }, () => '0').join(' + ')}`)).toMatchObject({
      outcome: 'ok',
    });
  });
});

test('start times are asked for where the memory query is a plain selector of a known metric', () => {
  expect(startQuery('process_resident_memory_bytes{job="a{}",x=\'}\'}')).toBe(
    'process_start_time_seconds{job="a{}",x=\'}\'}',
  );
  expect(startQuery('container_memory_working_set_bytes')).toBe('container_start_time_seconds');
  expect(startQuery('sum(process_resident_memory_bytes)')).toBeNull();
  expect(startQuery('process_resident_memory_bytes{a="b"} * 2')).toBeNull();
  expect(startQuery('my_rss_bytes')).toBeNull();
});
