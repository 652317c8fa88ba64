import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { boundSnapshot, MAX_SNAPSHOT_BYTES } from '../../src/adapters/bullmq/snapshot-bound.ts';
import {
  CENSUS_JOB,
  type CensusJob,
  lookIdOf,
  snapshotJobId,
  snapshotQueueName,
} from '../../src/adapters/bullmq/snapshot-queue.ts';
import { createSnapshotTaker } from '../../src/adapters/bullmq/snapshot-queue-taker.ts';
import { type SnapshotWorkerOptions, startSnapshotWorker } from '../../src/adapters/bullmq/snapshot-queue-worker.ts';
import { lookSoFarKey } from '../../src/adapters/redis/keys.ts';
import { createLooksSoFar } from '../../src/adapters/redis/looks-so-far.ts';
import { upTo } from '../../src/analysis/broken-off.ts';
import { Snapshot, type SnapshotContainer } from '../../src/analysis/snapshot.ts';
import { inconclusive, ok } from '../../src/errors.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const PREFIX = '{queue-test}';
type Target = { instance: string };

let redis: TestRedis;
let closers: (() => Promise<void>)[] = [];
let site = 'site-0';
let isAlive = true;
let censuses: CensusJob[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  site = `site-${Number(site.slice(5)) + 1}`;
  isAlive = true;
  censuses = [];
});

const soFar = () => createLooksSoFar(redis.connect(), PREFIX);

type Options = SnapshotWorkerOptions<Target>;

function openWorker(
  takeLook: Options['takeLook'],
  deadlineSeconds = 20,
  chooseTarget: Options['chooseTarget'] = (_service, instance) => ok({ instance: instance ?? '1.1' }),
) {
  const connection = redis.connect();
  const worker = startSnapshotWorker<Target>({
    connection,
    prefix: PREFIX,
    site,
    deadlineSeconds,
    lockMs: 1000,
    chooseTarget,
    takeLook,
    soFar: soFar(),
    takeCensus: async (job) => void censuses.push(job),
    onError: () => {},
  });
  closers.push(worker.close);
  return { connection, worker };
}

function take(
  key: string,
  {
    instance = null,
    deadlineSeconds = 20,
    ...rest
  }: { instance?: string | null; deadlineSeconds?: number; withinSeconds?: number } = {},
) {
  const taker = createSnapshotTaker({
    connection: redis.connect(),
    prefix: PREFIX,
    isSiteAlive: async () => isAlive,
    soFar: soFar(),
    deadlineSeconds,
  });
  closers.push(taker.close);
  return taker.takeSnapshot({ key, service: 'checkout', site, instance, ...rest }, AbortSignal.timeout(30_000));
}

test('the same key asked at the same time by two bots is one look with one answer', async () => {
  let looks = 0;
  openWorker(async ({ instance }) => ok(aSnapshot(instance, (looks += 1))));
  const answers = await Promise.all([take('M-1/snapshot'), take('M-1/snapshot')]);
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]).toMatchObject({ outcome: 'ok' });
  expect(looks).toBe(1);
});

test('looks at one target one after the other, at different targets at once', async () => {
  const running = new Map<string, number>();
  let mostAtOnce = 0;
  let mostOfOne = 0;
  const released = gate();
  openWorker(async ({ instance }) => {
    running.set(instance, (running.get(instance) ?? 0) + 1);
    mostOfOne = Math.max(mostOfOne, running.get(instance) ?? 0);
    mostAtOnce = Math.max(
      mostAtOnce,
      [...running.values()].reduce((sum, count) => sum + count, 0),
    );
    await released.opened;
    running.set(instance, (running.get(instance) ?? 0) - 1);
    return ok(aSnapshot(instance, 1));
  });
  const answers = ['1.1', '1.1', '2.2', '3.3'].map((instance, index) => take(`M-${index}/snapshot`, { instance }));
  await expect.poll(() => mostAtOnce, { timeout: 10_000 }).toBe(3);
  released.open();
  for (const answer of await Promise.all(answers)) expect(answer.outcome).toBe('ok');
  expect(mostOfOne).toBe(1);
});

test('another collector looks again when the first one died in the look', async () => {
  let died = false;
  const { connection } = openWorker(() => {
    died = true;
    return new Promise(() => {});
  });
  const answer = take('M-1/snapshot');
  await expect.poll(() => died, { timeout: 10_000 }).toBe(true);
  // What Redis sees of a SIGKILL: the connection ends and the lock is not renewed.
  closers.shift();
  connection.disconnect();
  openWorker(async ({ instance }) => ok(aSnapshot(instance, 2)));
  expect(await answer).toMatchObject({ outcome: 'ok', value: { rssBytes: 2 } });
});

test('what a collector saw before it died in the look is the answer when the process is gone by then', async () => {
  let died = false;
  const { connection } = openWorker(async ({ instance }, _service, { keep }) => {
    await keep(upTo('first-look', 2, aSnapshot(instance, 7)));
    died = true;
    return await new Promise(() => {});
  });
  const answer = take('M-1/snapshot', { instance: '5.5' });
  await expect.poll(() => died, { timeout: 10_000 }).toBe(true);
  closers.shift();
  connection.disconnect();
  const gone = inconclusive('operator', 'instance 5.5 of checkout is gone', 'Ask again');
  openWorker(
    () => Promise.reject(new Error('nobody to look at')),
    20,
    (_service, instance) => (instance === '5.5' ? gone : ok({ instance: '6.6' })),
  );
  expect(await answer).toMatchObject({
    outcome: 'ok',
    value: {
      instance: '5.5',
      rssBytes: 7,
      brokenOff: { rung: 'first-look', why: expect.stringMatching(/collector was killed.*5\.5 of checkout is gone/) },
    },
  });
});

test('a look that is begun again and comes less far does not lose what was seen the first time', async () => {
  let looks = 0;
  const { connection } = openWorker(async ({ instance }, _service, { keep }) => {
    await keep(upTo('second-look', 9, aSnapshot(instance, 7)));
    looks += 1;
    return await new Promise(() => {});
  });
  const answer = take('M-1/snapshot');
  await expect.poll(() => looks, { timeout: 10_000 }).toBe(1);
  closers.shift();
  connection.disconnect();
  openWorker(async ({ instance }, _service, { keep }) => {
    await keep(upTo('outside', 1, aSnapshot(instance, 8)));
    return inconclusive('upstream', 'process 1 has ended', 'ask again');
  });
  const value = { rssBytes: 7, brokenOff: { rung: 'second-look', why: expect.stringContaining('has ended') } };
  expect(await answer).toMatchObject({ outcome: 'ok', value });
});

test.each([
  ['does not come back in time', 2, true, 'did not answer within 2 s'],
  ['is the last of its site', 20, false, 'no collector reported'],
] as const)('what a collector saw that %s is the answer', async (_, withinSeconds, stays, why) => {
  openWorker(async ({ instance }, _service, { keep }) => {
    await keep(upTo('first-look', 2, aSnapshot(instance, 7)));
    isAlive = stays;
    return await new Promise(() => {});
  });
  const answer = await take('M-1/snapshot', { withinSeconds });
  expect(answer).toMatchObject({
    outcome: 'ok',
    value: { rssBytes: 7, brokenOff: { why: expect.stringContaining(why) } },
  });
});

test('a collector that is stopped in a look answers with what it saw', async () => {
  const looking = gate();
  const { worker } = openWorker(async ({ instance }, _service, { keep }) => {
    await keep(upTo('first-look', 2, aSnapshot(instance, 7)));
    looking.open();
    return await new Promise(() => {});
  });
  const answer = take('M-1/snapshot');
  await looking.opened;
  await worker.close();
  expect(await answer).toMatchObject({
    outcome: 'ok',
    value: { brokenOff: { why: expect.stringContaining('stopped') } },
  });
});

test('what was seen so far is bounded like an answer, and expires', async () => {
  const container = { ...aContainer('x'.repeat(5000)), type: 'y'.repeat(5000) };
  const huge = { ...aSnapshot('1.1', 1), containers: Array.from({ length: 5000 }, () => container) };
  openWorker(async (_target, _service, { keep }) => {
    await keep(upTo('first-look', 2, huge));
    return ok(aSnapshot('1.1', 1));
  });
  await take('M-1/snapshot');
  const key = lookSoFarKey(PREFIX, lookIdOf(site, snapshotJobId('M-1/snapshot')));
  const client = redis.connect();
  expect(await client.strlen(key)).toBeGreaterThan(100);
  expect(await client.strlen(key)).toBeLessThanOrEqual(MAX_SNAPSHOT_BYTES);
  expect(await client.ttl(key)).toBeGreaterThan(60);
});

test('a look that never ends is answered after its deadline, and the next one of that target is not held up', async () => {
  let looks = 0;
  openWorker(({ instance }) => {
    looks += 1;
    return looks === 1 ? new Promise(() => {}) : Promise.resolve(ok(aSnapshot(instance, 2)));
  }, 1);
  const first = await take('M-1/snapshot');
  expect(first).toMatchObject({ outcome: 'inconclusive' });
  expect(await take('M-2/snapshot')).toMatchObject({ outcome: 'ok' });
});

test('a collector that is stopped in a look still answers the job', async () => {
  let isLooking = false;
  const { worker } = openWorker(() => {
    isLooking = true;
    return new Promise(() => {});
  });
  const answer = take('M-1/snapshot');
  await expect.poll(() => isLooking, { timeout: 10_000 }).toBe(true);
  await worker.close();
  expect(await answer).toMatchObject({ outcome: 'inconclusive', why: expect.stringContaining('was stopped') });
});

test('a collector ends while it waits for a lost Redis', async () => {
  const own = await startRedis();
  try {
    const worker = startSnapshotWorker<Target>({
      connection: own.connect(),
      prefix: PREFIX,
      site,
      deadlineSeconds: 20,
      chooseTarget: () => ok({ instance: '1.1' }),
      takeLook: async () => ok(aSnapshot('1.1', 1)),
      soFar: createLooksSoFar(own.connect(), PREFIX),
      takeCensus: async () => {},
      onError: () => {},
    });
    await own.kill();
    const started = Date.now();
    await worker.close();
    expect(Date.now() - started).toBeLessThan(5000);
  } finally {
    await own.close();
  }
});

test('a look that throws is a failure of ours, with its message', async () => {
  openWorker(() => Promise.reject(new Error('no such layer')));
  const answer = await take('M-1/snapshot');
  expect(answer).toMatchObject({ outcome: 'error', who: 'us' });
  expect(answer.outcome !== 'ok' && answer.why).toContain('no such layer');
});

test('gives up when the last collector of the site is gone, and at the deadline when none takes the job', async () => {
  const waiting = take('M-1/snapshot');
  isAlive = false;
  expect(await waiting).toMatchObject({ outcome: 'inconclusive', why: expect.stringContaining('no collector') });
  isAlive = true;
  const late = await take('M-2/snapshot', { deadlineSeconds: 1 });
  expect(late).toMatchObject({ outcome: 'inconclusive', why: expect.stringContaining('did not answer within 1 s') });
});

test('rejects with the reason of an abort, and leaves the job for whoever goes on', async () => {
  const taker = createSnapshotTaker({
    connection: redis.connect(),
    prefix: PREFIX,
    isSiteAlive: async () => true,
    soFar: soFar(),
  });
  closers.push(taker.close);
  const stop = new AbortController();
  const request = { key: 'M-1/snapshot', service: 'checkout', site, instance: null };
  const waiting = taker.takeSnapshot(request, stop.signal);
  stop.abort(new Error('stopped by SIGTERM'));
  await expect(waiting).rejects.toThrow('stopped by SIGTERM');
});

test('a census for a baseline is taken once, and not by a collector that comes much later', async () => {
  const taker = createSnapshotTaker({
    connection: redis.connect(),
    prefix: PREFIX,
    isSiteAlive: async () => true,
    soFar: soFar(),
  });
  const queue = new Queue(snapshotQueueName(site), { connection: redis.connect(), prefix: PREFIX });
  closers.push(taker.close, () => queue.close());
  const [recordedAt, release] = ['2026-11-22T10:00:00.000Z', 'v1'];
  const job = { schema: 1, service: 'old', release, recordedAt, askedAt: Date.now() - 61_000 };
  await queue.add(CENSUS_JOB, job);
  await taker.requestCensus({ site, service: 'checkout', release, recordedAt });
  await taker.requestCensus({ site, service: 'checkout', release, recordedAt });
  openWorker(() => Promise.reject(new Error('no look was asked for')));
  await expect
    .poll(() => queue.getJobCounts('waiting', 'active'), { timeout: 10_000 })
    .toEqual({ waiting: 0, active: 0 });
  expect(censuses).toEqual([expect.objectContaining({ service: 'checkout', release, recordedAt })]);
});

test('any site name makes a queue of its own', () => {
  const names = ['local', 'eu:west', 'eu west', '', 'a'.repeat(100)].map(snapshotQueueName);
  expect(new Set(names).size).toBe(names.length);
  expect(names[0]).toBe('snapshot-local');
  for (const name of [...names, snapshotJobId('M-1/snapshot')]) expect(name).toMatch(/^[A-Za-z0-9_-]{1,60}$/);
});

test('a huge snapshot is cut to 64 KiB and stays one', () => {
  const container = { ...aContainer('x'.repeat(5000)), type: 'y'.repeat(5000) };
  const huge = { ...aSnapshot('1.1', 1), containers: Array.from({ length: 5000 }, () => container) };
  const bounded = boundSnapshot(huge);
  expect(Buffer.byteLength(JSON.stringify(bounded))).toBeLessThanOrEqual(MAX_SNAPSHOT_BYTES);
  expect(bounded.containers?.length).toBeGreaterThan(0);
  expect(Snapshot.safeParse(bounded).success).toBe(true);
});

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

function aContainer(path: string): SnapshotContainer {
  const unknown = {
    lengthDiff: null,
    growthPerMinute: null,
    bytesPerEntry: null,
    explainsRatio: null,
    maxLength: null,
  };
  return { path, type: 'dict', length: 1, ...unknown, oldestKept: null, callableRatio: null, cyclicRatio: null };
}

function aSnapshot(instance: string, rssBytes: number): Snapshot {
  const lists = { layers: [], sites: [], containers: [], types: [], notes: [] };
  const nothing = {
    release: null,
    rssDeltaBytes: null,
    longestPauseSeconds: null,
    gc: null,
    process: null,
    sibling: null,
  };
  return { instance, takenAt: '2026-11-22T10:00:00Z', windowSeconds: 1, rssBytes, ...lists, ...nothing };
}
