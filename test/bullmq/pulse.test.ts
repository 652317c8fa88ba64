import { Queue, UnrecoverableError } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type PulseOptions, startPulse } from '../../src/adapters/bullmq/pulse.ts';
import { createQueueDepths } from '../../src/adapters/bullmq/queue-depths.ts';
import { retryFailed } from '../../src/adapters/bullmq/retry-failed.ts';
import { createTriageQueue, startTriageWorker, TRIAGE_QUEUE } from '../../src/adapters/bullmq/triage-queue.ts';
import { closeWorker } from '../../src/adapters/close-worker.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const PREFIX = '{test}';
const WAIT = { timeout: 30_000, interval: 20 };

let server: TestRedis;
let redis: Redis;
let ran: string[];
let closers: (() => Promise<unknown>)[];

beforeEach(async () => {
  server = await startRedis();
  redis = server.connect();
  ran = [];
  closers = [];
});

afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await server.close();
});

function startWorker(): void {
  const run = async (incidentId: string) => void ran.push(incidentId);
  const worker = startTriageWorker({ connection: redis, prefix: PREFIX, run, onError: () => {} });
  closers.push(() => closeWorker(worker));
}

function start(changes: Partial<PulseOptions> = {}) {
  const closing = new AbortController();
  const stuck: string[] = [];
  const pulse = startPulse({
    connection: redis,
    prefix: PREFIX,
    bot: 'one',
    isFull: () => false,
    onStuck: (why) => stuck.push(why),
    signal: closing.signal,
    everyMs: 100,
    deadlineMs: 300,
    ...changes,
  });
  closers.push(async () => {
    closing.abort();
    await pulse.ended;
  });
  return { pulse, stuck };
}

function triageQueue(): Queue {
  const queue = new Queue(TRIAGE_QUEUE, { connection: redis, prefix: PREFIX });
  closers.push(() => queue.close());
  return queue;
}

describe('a pulse', () => {
  it('goes through the real queue and back, and is no triage', async () => {
    startWorker();
    const { pulse, stuck } = start({ deadlineMs: 20_000 });
    await vi.waitFor(() => expect(pulse.ageSeconds()).not.toBeNull(), WAIT);
    expect(pulse.whyStuck()).toBeNull();
    expect([ran, stuck]).toEqual([[], []]);
  });

  it('that nobody takes says so, ends the bot after the second, and leaves none behind; taken again, all is well', async () => {
    const { pulse, stuck } = start();
    await vi.waitFor(() => expect(stuck).toHaveLength(1), WAIT);
    expect(pulse.whyStuck()).toMatch(
      /^a job of the triage queue was not taken within 0\.3 s, \d+ times in a row, though/,
    );
    await vi.waitFor(async () => expect(await triageQueue().getWaitingCount()).toBeLessThan(2), WAIT);
    startWorker();
    await vi.waitFor(() => expect(pulse.whyStuck()).toBeNull(), WAIT);
  });

  it('goes before what waits, and one that waits while every place is taken is no proof', async () => {
    const queue = createTriageQueue(redis, PREFIX);
    closers.push(queue.close);
    for (let i = 0; i < 5; i += 1) await queue.add(`M-${i}`);
    let asked = 0;
    const { pulse, stuck } = start({ isFull: () => (asked += 1) > 0 });
    await vi.waitFor(() => expect(asked).toBeGreaterThan(12), WAIT);
    expect(pulse.whyStuck()).toBeNull();
    expect(stuck).toEqual([]);
    await vi.waitFor(async () => expect((await triageQueue().getWaiting(0, 0))[0]?.name).toBe('pulse'), WAIT);
  });

  it('is not counted while Redis does not answer', async () => {
    startWorker();
    let tries = 0;
    const retryStrategy = () => ++tries;
    const nobody = new Redis({ path: `${server.dir}/nobody`, enableOfflineQueue: false, retryStrategy });
    nobody.on('error', () => {});
    closers.push(async () => nobody.disconnect());
    const { pulse, stuck } = start({ deadlineMs: 1, everyMs: 1, connection: nobody });
    await vi.waitFor(() => expect(tries).toBeGreaterThan(20), WAIT);
    expect(pulse.whyStuck()).toBeNull();
    expect(stuck).toEqual([]);
  });
});

describe('the depth of a queue', () => {
  it('names what waits and the age of the oldest', async () => {
    const queue = triageQueue();
    const depths = createQueueDepths(redis, PREFIX, [TRIAGE_QUEUE]);
    closers.push(depths.close);
    expect(await depths.read()).toMatchObject([{ queue: 'triage', jobs: { waiting: 0 }, oldestSeconds: null }]);
    await queue.add('young', {}, { priority: 1 });
    await queue.add('old', {}, { priority: 2, timestamp: Date.now() - 100_000 });
    await queue.add('plain', {}, { timestamp: Date.now() - 50_000 });
    const [depth] = await depths.read();
    expect(depth?.jobs).toMatchObject({ waiting: 1, prioritized: 2, active: 0 });
    expect(depth?.oldestSeconds).toBeGreaterThanOrEqual(100);
    expect(depth?.oldestSeconds).toBeLessThan(150);
  });
});

describe('a triage that failed for good', () => {
  it('is tried again by whoever asks for it next: its incident would be triaged for ever', async () => {
    const run = async (incidentId: string) => {
      ran.push(incidentId);
      if (ran.length === 1) throw new UnrecoverableError('as after its last try');
      await Promise.resolve();
    };
    const failures: string[] = [];
    const worker = startTriageWorker({
      connection: redis,
      prefix: PREFIX,
      run,
      onError: (error) => void failures.push(error.message),
    });
    closers.push(() => closeWorker(worker));
    const queue = createTriageQueue(redis, PREFIX);
    closers.push(queue.close);
    await queue.add('M-1');
    await vi.waitFor(() => expect(failures).toEqual(['as after its last try']), WAIT);
    await queue.add('M-1');
    await vi.waitFor(() => expect(ran).toEqual(['M-1', 'M-1']), WAIT);
    // One that is done is left alone.
    await queue.add('M-1');
    await queue.add('M-2');
    await vi.waitFor(() => expect(ran).toEqual(['M-1', 'M-1', 'M-2']), WAIT);
  });

  it('is not called stored while Redis refuses to take it again; another bot that was faster is no trouble', async () => {
    const fail = () => Promise.reject(new UnrecoverableError('as after its last try'));
    const worker = startTriageWorker({ connection: redis, prefix: PREFIX, run: fail, onError: () => {} });
    const triages = createTriageQueue(redis, PREFIX);
    closers.push(triages.close);
    await triages.add('M-1');
    const queue = new Queue(TRIAGE_QUEUE, { connection: redis, prefix: PREFIX });
    closers.push(() => queue.close());
    await vi.waitFor(async () => expect(await queue.getFailedCount()).toBe(1), WAIT);
    await closeWorker(worker);
    const [job] = await queue.getFailed();
    if (job === undefined) throw new Error('no job');
    const isFailed = () => job.isFailed();
    const refused = async () => {
      await redis.config('SET', 'min-replicas-to-write', '1');
      try {
        await job.retry();
      } finally {
        await redis.config('SET', 'min-replicas-to-write', '0');
      }
    };
    await expect(retryFailed({ isFailed, retry: refused })).rejects.toThrow(/NOREPLICAS/);
    const overtaken = async () => {
      await job.retry();
      await job.retry();
    };
    await retryFailed({ isFailed, retry: overtaken });
    expect(await queue.getWaitingCount()).toBe(1);
  });
});
