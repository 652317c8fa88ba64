import { createHash } from 'node:crypto';
import { type ConnectionOptions, DelayedError, type Job, type Worker } from 'bullmq';
import { Alert, alertKey } from '../../alert/alert.ts';
import { openQueue } from '../open-queue.ts';
import { retryFailed } from './retry-failed.ts';
import { readStored, startRetryingWorker } from './retrying-worker.ts';

export const ALERT_QUEUE = 'alerts';

/**
 * Alerts under way at a time in one bot. Each waits for Redis some fifteen times, and now and then for Slack; more of them
 * only share the one thread, and a kill waits for all that began before it: p50 to its root 1.9 s with 100, 0.7 s with 20.
 */
const CONCURRENCY = 32;
/** An alert takes some milliseconds, so that of a killed bot is taken over within 6 s. */
const LOCK_MS = 4000;
const ATTEMPTS = 100;
/** Copies are told by the finished job, so it is kept for a day, but never more than so many: some 20 MB. */
const FINISHED = { age: 86_400, count: 20_000 };
/** Alerts in one transaction with Redis: 500 take it some 30 ms. */
const AT_ONCE = 500;
/** OOM kills go before anything else. BullMQ: 1 is first. */
const PRIORITY = { oom: 1, rss_growth: 2, custom: 2 };

export type AlertQueue = {
  /** Stores them; resolves only when Redis has all. One that is there already, or was within a day, is left as it is; one that failed for good is tried once more. */
  add(alerts: readonly Alert[]): Promise<void>;
  /** Is it stored and not taken to its end yet? */
  isUnderWay(alert: Alert): Promise<boolean>;
  /** Was it stored within a day, whatever became of it? */
  isKnown(alert: Alert): Promise<boolean>;
  /** An alert that waits for the end of a silence is over: nobody need hear of it. */
  forgetHeld(alert: Alert): Promise<void>;
  close(): Promise<void>;
};

export function createAlertQueue(connection: ConnectionOptions, prefix: string): AlertQueue {
  const queue = openQueue(ALERT_QUEUE, connection, prefix);
  return {
    async add(alerts) {
      const jobs = alerts.map((alert) => ({
        name: 'alert',
        data: alert,
        opts: {
          jobId: alertId(alert),
          priority: PRIORITY[alert.kind],
          attempts: ATTEMPTS,
          backoff: { type: 'alert' },
          removeOnComplete: FINISHED,
          removeOnFail: { ...FINISHED, age: 7 * FINISHED.age },
        },
      }));
      for (let from = 0; from < jobs.length; from += AT_ONCE) {
        const added = await queue.addBulk(jobs.slice(from, from + AT_ONCE));
        if ((await queue.getFailedCount()) > 0) await Promise.all(added.map(retryFailed));
      }
    },
    async isUnderWay(alert) {
      const job = await queue.getJob(alertId(alert));
      return job?.finishedOn === undefined && job !== undefined;
    },
    isKnown: async (alert) => (await queue.getJob(alertId(alert))) !== undefined,
    async forgetHeld(alert) {
      const job = await queue.getJob(alertId(alert));
      if ((await job?.isDelayed()) === true) await job?.remove();
    },
    close: () => queue.close(),
  };
}

/** Short, and without the colons and bare digits that BullMQ refuses. */
export function alertId(alert: Alert): string {
  return `a${createHash('sha256').update(alertKey(alert)).digest('hex').slice(0, 31)}`;
}

export type AlertWorkerOptions = {
  connection: ConnectionOptions;
  prefix: string;
  /** Safe to run again after a crash. `storedAtMs`: when it came in, epoch milliseconds. */
  take: (alert: Alert, storedAtMs: number) => Promise<{ kind: 'done' } | { kind: 'held'; ms: number }>;
  onError: (error: Error) => void;
};

/** Takes stored alerts, those of crashed replicas too. `close()` waits for the ones under way. */
export function startAlertWorker({ connection, prefix, take, onError }: AlertWorkerOptions): Worker {
  const process = async (job: Job, token?: string): Promise<void> => {
    const taken = await take(readStored(Alert, job.data, 'alert'), job.timestamp);
    if (taken.kind === 'done') return;
    await job.moveToDelayed(Date.now() + taken.ms, token);
    throw new DelayedError();
  };
  return startRetryingWorker(ALERT_QUEUE, {
    connection,
    prefix,
    concurrency: CONCURRENCY,
    lockMs: LOCK_MS,
    retryMs: { first: 500, longest: 30_000 },
    process,
    onError,
  });
}
