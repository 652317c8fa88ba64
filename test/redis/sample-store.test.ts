import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { samplesKey } from '../../src/adapters/redis/keys.ts';
import { DAY_MS, packSamples, sortSamples, unpackSamples } from '../../src/adapters/redis/sample-record.ts';
import { createSampleStore, type SampleStore } from '../../src/adapters/redis/sample-store.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const PREFIX = '{samples-test}';
const KEEP_SECONDS = 7 * 86_400;
const MIB = 1 << 20;
/** Midnight of a day that is not over when the test runs: its key must not be expired. */
const TODAY_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS;

let server: TestRedis;
let redis: Redis;
let store: SampleStore;
beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
  store = createSampleStore({ redis, prefix: PREFIX, keepSeconds: KEEP_SECONDS });
});
afterAll(() => server.close());
beforeEach(() => redis.flushall());

const sample = (atMs: number, mebibytes = 100) => ({ atMs, rssBytes: mebibytes * MIB, anonymousBytes: 5 * MIB });
const append = (...samples: ReturnType<typeof sample>[]) =>
  store.append([{ service: 'checkout', instance: '1.2', samples }]);
const read = (sinceMs: number, nowMs = TODAY_MS + DAY_MS) => store.readSamples('checkout', '1.2', sinceMs, nowMs);

test('gives back what was written, across midnight, from the asked time on', async () => {
  const written = [-30_000, -15_000, 0, 15_000].map((offset) => sample(TODAY_MS + offset));
  await append(...written);
  expect(await read(TODAY_MS - 60_000)).toEqual(written);
  expect(await read(TODAY_MS - 15_000)).toEqual(written.slice(1));
  expect(await store.lastSampleAt('checkout', '1.2', TODAY_MS + 20_000)).toBe(TODAY_MS + 15_000);
});

test('knows no samples of an instance that was never written', async () => {
  expect(await read(TODAY_MS - DAY_MS)).toEqual([]);
  expect(await store.lastSampleAt('checkout', '1.2', TODAY_MS)).toBeNull();
});

test('half a record at the end and impossible times are skipped, the rest stays', async () => {
  await append(sample(TODAY_MS), sample(TODAY_MS + 15_000));
  const key = samplesKey(PREFIX, 'checkout', '1.2', TODAY_MS / DAY_MS);
  await redis.append(key, Buffer.alloc(12, 0xff));
  await redis.append(key, Buffer.alloc(5, 1));
  expect((await read(TODAY_MS)).map(({ atMs }) => atMs - TODAY_MS)).toEqual([0, 15_000]);
});

test('a clock that was set back and a batch that was written twice leave one ordered series', async () => {
  await append(sample(TODAY_MS + 30_000), sample(TODAY_MS + 45_000));
  await append(sample(TODAY_MS + 15_000));
  await append(sample(TODAY_MS + 30_000), sample(TODAY_MS + 45_000));
  expect((await read(TODAY_MS)).map(({ atMs }) => atMs - TODAY_MS)).toEqual([15_000, 30_000, 45_000]);
});

test('a day expires when its last sample is older than what is kept', async () => {
  await append(sample(TODAY_MS));
  const seconds = await redis.expiretime(samplesKey(PREFIX, 'checkout', '1.2', TODAY_MS / DAY_MS));
  expect(seconds).toBe(TODAY_MS / 1000 + 86_400 + KEEP_SECONDS);
});

test('names with colons and percent signs do not reach into the keys of others', async () => {
  await store.append([{ service: 'a:1.2', instance: '3', samples: [sample(TODAY_MS)] }]);
  expect(await store.readSamples('a', '1.2:3', TODAY_MS, TODAY_MS)).toEqual([]);
  expect(await store.readSamples('a:1.2', '3', TODAY_MS, TODAY_MS)).toHaveLength(1);
});

test('an error of Redis is not swallowed', async () => {
  await redis.rpush(samplesKey(PREFIX, 'checkout', '1.2', TODAY_MS / DAY_MS), 'not a string');
  await expect(append(sample(TODAY_MS))).rejects.toThrow('WRONGTYPE');
});

test('a day of samples, written one at a time as the collector does, takes at most 24 bytes each', async () => {
  const perDay = 5760;
  const before = await usedMemory();
  for (let at = 0; at < perDay; at += 480) {
    const pipeline = redis.pipeline();
    for (let index = at; index < at + 480; index += 1) {
      pipeline.append(
        samplesKey(PREFIX, 'checkout', '1.2', TODAY_MS / DAY_MS),
        packSamples([sample(TODAY_MS + index * 15_000)]),
      );
    }
    await pipeline.exec();
  }
  const key = samplesKey(PREFIX, 'checkout', '1.2', TODAY_MS / DAY_MS);
  expect(((await redis.memory('USAGE', key)) ?? 0) / perDay).toBeLessThanOrEqual(24);
  expect(((await usedMemory()) - before) / perDay).toBeLessThan(30);
  expect(await read(TODAY_MS)).toHaveLength(perDay);
});

test('sizes are kept to the KiB, up to 4 TiB and no further', () => {
  const huge = { atMs: 5, rssBytes: 2 ** 43, anonymousBytes: 1023 };
  expect(unpackSamples(0, packSamples([huge]))).toEqual([
    { atMs: 5, rssBytes: 0xffff_ffff * 1024, anonymousBytes: 1024 },
  ]);
  expect(sortSamples([])).toEqual([]);
});

async function usedMemory(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}
