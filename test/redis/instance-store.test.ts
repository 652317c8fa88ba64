import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { toDeploys } from '../../src/adapters/redis/collector-lives.ts';
import { collectorMemory } from '../../src/adapters/redis/collector-memory.ts';
import { saveCollectorStats } from '../../src/adapters/redis/collector-stats.ts';
import { beat } from '../../src/adapters/redis/heartbeat.ts';
import {
  createInstanceStore,
  type InstanceRecord,
  type InstanceStore,
  MAX_RECORDS,
} from '../../src/adapters/redis/instance-store.ts';
import { instancesKey } from '../../src/adapters/redis/keys.ts';
import { createSampleStore } from '../../src/adapters/redis/sample-store.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const PREFIX = '{instance-test}';
const KEEP_SECONDS = 86_400;
const NOW = Math.floor(Date.now() / 1000);

let server: TestRedis;
let redis: Redis;
let store: InstanceStore;
beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
  store = createInstanceStore({ redis, prefix: PREFIX, keepSeconds: KEEP_SECONDS });
});
afterAll(() => server.close());
beforeEach(() => redis.flushall());

describe('records of instances', () => {
  test('the last writing of an instance counts; unreadable ones are left out', async () => {
    await store.save('checkout', [aRecord('1.1'), aRecord('2.2', { startedAt: NOW - 100 })]);
    await store.save('checkout', [aRecord('1.1', { release: 'v2' })]);
    await redis.hset(instancesKey(PREFIX, 'checkout'), '3.3', '{"schema":9}');
    expect((await store.list('checkout')).map(({ instance, release }) => [instance, release])).toEqual([
      ['2.2', 'v1'],
      ['1.1', 'v2'],
    ]);
  });

  test('forgets what ended before the kept time, never what lives', async () => {
    const old = { startedAt: NOW - 10 * KEEP_SECONDS };
    await store.save('checkout', [aRecord('1.1', old), aRecord('2.2', { ...old, endedAt: NOW - 2 * KEEP_SECONDS })]);
    await store.saveOomKills('checkout', [
      { at: NOW - 2 * KEEP_SECONDS, instance: '2.2' },
      { at: NOW - 5, instance: '4.4' },
    ]);
    await store.prune('checkout', NOW);
    expect((await store.list('checkout')).map(({ instance }) => instance)).toEqual(['1.1']);
    expect(await store.listOomKills('checkout', 0)).toEqual([{ at: NOW - 5, instance: '4.4' }]);
    expect(await redis.ttl(instancesKey(PREFIX, 'checkout'))).toBeGreaterThan(KEEP_SECONDS);
  });

  test('keeps a bounded number of ended ones, the newest', async () => {
    const many = Array.from({ length: MAX_RECORDS + 50 }, (_, index) =>
      aRecord(`${index}.1`, { startedAt: NOW - 5000 + index, endedAt: NOW - 4000 + index, endReason: 'recycle' }),
    );
    await store.save('checkout', many);
    await store.prune('checkout', NOW);
    const kept = await store.list('checkout');
    expect(kept).toHaveLength(MAX_RECORDS);
    expect(kept[0]?.instance).toBe('50.1');
  });
});

describe('the memory of a service', () => {
  const read = async (service = 'checkout', limitBytes: number | null = null) =>
    await collectorMemory({
      redis,
      prefix: PREFIX,
      keepSeconds: KEEP_SECONDS,
      services: new Map([['checkout', { site: 'local', limitBytes }]]),
    }).readMemory(service, 3600, AbortSignal.timeout(5000));

  async function record(agoSeconds: number, instance = '1.1'): Promise<void> {
    const samples = [0, 15].map((later) => ({
      atMs: (NOW - agoSeconds + later) * 1000,
      rssBytes: 2048,
      anonymousBytes: 1024,
    }));
    const store = createSampleStore({ redis, prefix: PREFIX, keepSeconds: KEEP_SECONDS });
    await store.append([{ service: 'checkout', instance, samples }]);
  }

  test('is inconclusive without a collector, without an instance and without samples, and says which', async () => {
    expect(await read()).toMatchObject({
      outcome: 'inconclusive',
      why: 'no collector reported for site local in the last 60 s',
      tryThis: expect.stringContaining('memtriage collector'),
    });
    await beat(redis, PREFIX, 'local', 'test');
    expect(await read()).toMatchObject({ why: 'the collector has seen no instance of checkout' });
    await store.save('checkout', [aRecord('1.1')]);
    expect(await read()).toMatchObject({ why: 'the collector recorded no sample of checkout in the last 1 h' });
    expect(await read('nobody')).toMatchObject({ outcome: 'error', who: 'user' });
  });

  test('tells how old the last sample of a dead collector is', async () => {
    await store.save('checkout', [aRecord('1.1')]);
    await record(2000);
    expect(await read()).toMatchObject({ why: expect.stringMatching(/its newest sample is 33 min old/) });
    await record(60);
    expect(await read()).toMatchObject({ outcome: 'ok' });
  });

  test('holds samples, kills of the window and limits; the configured limit wins', async () => {
    await beat(redis, PREFIX, 'local', 'test');
    await store.save('checkout', [aRecord('1.1', { limitBytes: 700 }), aRecord('2.2', { limitBytes: 600 })]);
    // The limit was raised since.
    await store.save('checkout', [aRecord('0.2', { limitBytes: 500, endedAt: NOW - 60, endReason: 'oom' })]);
    await store.saveOomKills('checkout', [
      { at: NOW - 7200, instance: '0.1' },
      { at: NOW - 60, instance: '0.2' },
    ]);
    for (const instance of ['0.2', '1.1', '2.2']) await record(120, instance);
    const memory = await read();
    expect(memory).toMatchObject({
      outcome: 'ok',
      value: { source: 'collector', limitBytes: 600, oomKillsAt: [NOW - 60], deploys: [{ release: 'v1' }] },
    });
    if (memory.outcome !== 'ok') return;
    const own = memory.value.instances.find(({ instance }) => instance === '1.1');
    expect(own?.samples).toEqual([
      [NOW - 120, 2048],
      [NOW - 105, 2048],
    ]);
    expect(await read('checkout', 500)).toMatchObject({ value: { limitBytes: 500 } });
  });

  test('is a failure of Redis, soon, when Redis is gone', async () => {
    await server.kill();
    try {
      const started = Date.now();
      const client = server.connect();
      client.options.maxRetriesPerRequest = 0;
      const source = collectorMemory({
        redis: client,
        prefix: PREFIX,
        keepSeconds: KEEP_SECONDS,
        services: new Map([['checkout', { site: 'local', limitBytes: null }]]),
      });
      const answer = await source.readMemory('checkout', 3600, AbortSignal.timeout(20_000));
      expect(answer).toMatchObject({
        outcome: 'error',
        who: 'upstream',
        tryThis: expect.stringContaining('REDIS_URL'),
      });
      expect(Date.now() - started).toBeLessThan(15_000);
    } finally {
      await server.start();
    }
  });
});

describe('when the hosts of a service were looked at', () => {
  const lookedAt = async () => {
    const services = new Map([['checkout', { site: 'local', limitBytes: null }]]);
    const source = collectorMemory({ redis, prefix: PREFIX, keepSeconds: KEEP_SECONDS, services });
    const answer = await source.readMemory('checkout', 3600, AbortSignal.timeout(5000));
    return answer.outcome === 'ok' ? answer.value.looked : answer;
  };
  async function collectorOn(host: string, lookedForSeconds: number): Promise<void> {
    const stats = { schema: 1 as const, lagSeconds: 1, lookedForSeconds, processes: 1 };
    const rest = { droppedSamples: 0, residentBytes: 1 };
    await saveCollectorStats(redis, PREFIX, { site: 'local', host }, { ...stats, ...rest });
  }

  test('is the stretch that the collectors of all of them tell of; none, when one of them has nobody who looks', async () => {
    await beat(redis, PREFIX, 'local', 'test');
    await store.save('checkout', [
      aRecord('1.1', { host: 'a', endedAt: NOW - 600 }),
      aRecord('2.2', { host: 'b' }),
      aRecord('3.3', { host: 'gone', startedAt: NOW - 90_000, endedAt: NOW - 80_000 }),
    ]);
    const samples = [{ atMs: (NOW - 1000) * 1000, rssBytes: 2048, anonymousBytes: 1024 }];
    const series = createSampleStore({ redis, prefix: PREFIX, keepSeconds: KEEP_SECONDS });
    await series.append([{ service: 'checkout', instance: '1.1', samples }]);
    await collectorOn('a', 5000);
    expect(await lookedAt()).toBeNull();
    await collectorOn('b', 700);
    const looked = await lookedAt();
    expect(looked).toMatchObject({ from: expect.any(Number), to: expect.any(Number) });
    if (looked == null || !('to' in looked)) return;
    expect(looked.to - looked.from).toBeGreaterThan(698);
    expect(looked.to - looked.from).toBeLessThan(702);
  });
});

describe('deploys', () => {
  const lives = (...spans: [release: string | null, from: number, to: number | null][]) =>
    toDeploys(
      spans.map(([release, startedAt, endedAt], index) => aRecord(`${index}.1`, { release, startedAt, endedAt })),
    );

  test.each([
    [
      'one release is one deploy, however often it restarts',
      [
        ['v1', 0, 10],
        ['v1', 20, null],
      ],
      [['v1', 0]],
    ],
    [
      'each new release is one',
      [
        ['v1', 0, 10],
        ['v2', 11, null],
      ],
      [
        ['v1', 0],
        ['v2', 11],
      ],
    ],
    [
      'a worker of the old one that is recycled meanwhile is none',
      [
        ['v1', 0, 30],
        ['v2', 10, null],
        ['v1', 20, 40],
      ],
      [
        ['v1', 0],
        ['v2', 10],
      ],
    ],
    [
      'a release that is rolled back to is one again',
      [
        ['v1', 0, 10],
        ['v2', 11, 20],
        ['v1', 21, null],
      ],
      [
        ['v1', 0],
        ['v2', 11],
        ['v1', 21],
      ],
    ],
    ['instances of unknown release are none', [[null, 0, null]], []],
  ] satisfies [string, [string | null, number, number | null][], [string, number][]][])('%s', (_, spans, expected) => {
    expect(lives(...spans)).toEqual(expected.map(([release, at]) => ({ release, at })));
  });
});

function aRecord(instance: string, changes: Partial<InstanceRecord> = {}): InstanceRecord {
  const life = { startedAt: NOW - 50, endedAt: null, endReason: null, limitBytes: null };
  return { schema: 1, instance, host: 'here', release: 'v1', python: null, ...life, ...changes };
}
