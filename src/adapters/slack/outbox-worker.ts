import { type ConnectionOptions, DelayedError, type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import { messageOf } from '../../errors.ts';
import { closeWorker } from '../close-worker.ts';
import { createOutboxQueue, OUTBOX_QUEUE, RETENTION_MS, wakeChannel } from './outbox.ts';
import { deliverChannel } from './outbox-delivery.ts';
import { OUTBOX_LIMITS, type OutboxLimits } from './outbox-limits.ts';
import { OutboxStore } from './outbox-store.ts';
import { PRIORITY } from './outbox-thread.ts';
import type { SlackWeb } from './slack-web.ts';

export type OutboxWorkerOptions = {
  redis: Redis;
  /** For the queue that wakes channels; fails fast while Redis is down. */
  queueConnection: ConnectionOptions;
  /** For the worker: `maxRetriesPerRequest: null`, never shared with producers. */
  workerConnection: ConnectionOptions;
  prefix: string;
  web: SlackWeb;
  logger: Logger;
  limits?: Partial<OutboxLimits>;
  retentionMs?: number;
  /** The root of an incident is at Slack for the first time. */
  onRootPosted?: (incidentId: string) => void;
  /** Slack shows these incidents by a root that stands for theirs; told each time that it is shown. */
  onTold?: (incidentIds: readonly string[]) => void;
  /** How soon a killed replica's channels are taken over: its lock, and how often locks are looked at. */
  lockMs?: number;
  sweepEveryMs?: number;
};

export type OutboxWorker = {
  /** Ends after the calls that are under way; what is left is another replica's, or the next start's. */
  close(): Promise<void>;
};

/** Channels that one replica writes to at the same time. Each waits for Slack most of its time. */
const CHANNELS_AT_ONCE = 50;
const LOCK_MS = 10_000;
/** Wakes channels whose job was lost with a crash between storing and queueing. */
const SWEEP_EVERY_MS = 10_000;
/** Longest rest of a channel with something urgent, such as an OOM kill. */
const URGENT_REST_MS = 1000;
/** Rest after Redis failed in the middle of a delivery. */
const REDIS_REST_MS = 1000;

const ChannelJob = z.object({ channelId: z.string() });

/** Delivers what the outbox wants. Any number of replicas: a channel is in the hands of one at a time. */
export async function startOutboxWorker(options: OutboxWorkerOptions): Promise<OutboxWorker> {
  const { redis, prefix, web, logger, retentionMs = RETENTION_MS, lockMs = LOCK_MS } = options;
  const store = new OutboxStore(redis, { prefix, retentionMs });
  const { onRootPosted = () => {}, onTold = () => {} } = options;
  const delivery = { store, web, logger, limits: { ...OUTBOX_LIMITS, ...options.limits }, onRootPosted, onTold };
  const closing = new AbortController();

  const process = async (job: Job, token?: string): Promise<void> => {
    const { channelId } = ChannelJob.parse(job.data);
    const restMs = await deliverChannel(delivery, channelId, closing.signal).catch((thrown: unknown) => {
      logger.warn({ channelId, why: messageOf(thrown) }, 'a delivery was cut short, it goes on in a moment');
      return REDIS_REST_MS;
    });
    if (restMs === null) return;
    await job.moveToDelayed(Date.now() + restMs, token);
    // What is urgent and came while it ran found it at work, and woke nobody.
    const [first] = restMs > URGENT_REST_MS ? await store.pending(channelId, 1).catch(() => []) : [];
    if (first?.priority === PRIORITY.urgent) await job.changeDelay(URGENT_REST_MS).catch(() => {});
    throw new DelayedError();
  };
  const worker = new Worker(OUTBOX_QUEUE, process, {
    connection: options.workerConnection,
    prefix,
    concurrency: CHANNELS_AT_ONCE,
    lockDuration: lockMs,
    stalledInterval: lockMs / 2,
    // Seconds. An idle worker notices a job that was taken over only when it asks the next time (measured with 6.7.0).
    drainDelay: lockMs / 4000,
    // Every delivery is safe to run again; giving up would leave a thread half told.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
  });
  worker.on('error', (err) => logger.debug({ err }, 'the outbox worker lost Redis'));
  await worker.waitUntilReady();
  const sweeper = startSweep(options, store);
  return {
    close: async () => {
      closing.abort();
      await sweeper.close();
      await closeWorker(worker);
    },
  };
}

function startSweep(options: OutboxWorkerOptions, store: OutboxStore): { close(): Promise<void> } {
  const queue = createOutboxQueue({ ...options, connection: options.queueConnection });
  const sweep = async (): Promise<void> => {
    try {
      for (const channelId of await store.channels()) await wakeChannel(queue, channelId);
    } catch (thrown) {
      options.logger.debug({ why: messageOf(thrown) }, 'the outbox could not be swept, Redis is away');
    }
  };
  let running = sweep();
  const timer = setInterval(() => {
    running = running.then(sweep);
  }, options.sweepEveryMs ?? SWEEP_EVERY_MS);
  return {
    close: async () => {
      clearInterval(timer);
      await running;
      await queue.close();
    },
  };
}
