import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createBaselineStore, KEPT_BASELINES } from '../../src/adapters/redis/baseline-store.ts';
import { baselinesKey } from '../../src/adapters/redis/keys.ts';
import type { Baseline } from '../../src/analysis/baseline.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const PREFIX = '{baseline-test}';
let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
});
afterAll(() => server.close());
beforeEach(() => redis.flushall());

const open = () => createBaselineStore({ redis, prefix: PREFIX });
const releases = async () => (await open().list('checkout')).map(({ baseline }) => baseline.release);

test('the one that was set last is in force, and older ones stay', async () => {
  expect(await open().current('checkout')).toBeNull();
  await open().set(aBaseline('v1'));
  await open().set(aBaseline('v2'));
  expect((await open().current('checkout'))?.release).toBe('v2');
  expect(await releases()).toEqual(['v2', 'v1']);
  expect(await open().current('other')).toBeNull();
});

test('revert goes back one by one, and says when there is none before', async () => {
  for (const release of ['v1', 'v2', 'v3']) await open().set(aBaseline(release));
  expect(await open().revert('checkout')).toMatchObject({ outcome: 'ok', value: { release: 'v2' } });
  expect(await open().revert('checkout')).toMatchObject({ outcome: 'ok', value: { release: 'v1' } });
  expect(await open().revert('checkout')).toMatchObject({ outcome: 'error', who: 'user' });
  expect((await open().current('checkout'))?.release).toBe('v1');
  expect((await open().list('checkout')).map(({ isCurrent }) => isCurrent)).toEqual([false, false, true]);
  expect(await open().revert('other')).toMatchObject({ outcome: 'error', why: 'other has no baseline' });
});

test('of two reverts at the same moment one wins and the other one says so', async () => {
  for (const release of ['v1', 'v2', 'v3']) await open().set(aBaseline(release));
  const answers = await Promise.all([open().revert('checkout'), open().revert('checkout')]);
  expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['error', 'ok']);
  expect((await open().current('checkout'))?.release).toBe('v2');
});

test('keeps twenty, the newest first', async () => {
  for (let number = 1; number <= KEPT_BASELINES + 5; number += 1) await open().set(aBaseline(`v${number}`));
  expect(await releases()).toHaveLength(KEPT_BASELINES);
  expect((await releases())[0]).toBe(`v${KEPT_BASELINES + 5}`);
});

test('a record of another version is left out, the others stay readable', async () => {
  await open().set(aBaseline('v1'));
  await redis.lpush(baselinesKey(PREFIX, 'checkout'), '{"id":"x","baseline":{"schema":2}}', 'not JSON');
  expect(await releases()).toEqual(['v1']);
  expect((await open().current('checkout'))?.release).toBe('v1');
});

test('a census is added to the baseline that it belongs to, and not to that of another release or time', async () => {
  const census = {
    instance: '1.1',
    takenAt: null,
    python: '3.12.1',
    types: [{ type: 'dict', count: 9 }],
    containers: [],
  };
  const { recordedAt } = aBaseline('v1');
  await open().set(aBaseline('v1'));
  expect(await open().addCensus('checkout', recordedAt, { release: 'v2', census })).toBe(false);
  expect(await open().addCensus('checkout', '2026-11-23T10:00:00Z', { release: 'v1', census })).toBe(false);
  expect((await open().current('checkout'))?.census).toBeNull();
  expect(await open().addCensus('checkout', recordedAt, { release: 'v1', census })).toBe(true);
  expect(await open().current('checkout')).toEqual({ ...aBaseline('v1'), census });
});

function aBaseline(release: string): Baseline {
  const figures = {
    bytes: 1,
    spreadBytes: 0,
    growthBytesPerHour: null,
    windowSeconds: 60,
    instances: 1,
    limitBytes: null,
  };
  const who = {
    service: 'checkout',
    release,
    recordedAt: '2026-11-22T10:00:00Z',
    source: 'auto',
    setBy: null,
  } as const;
  return { schema: 1, ...who, ...figures, profile: [], census: null };
}
