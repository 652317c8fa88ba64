import { createHash } from 'node:crypto';
import { type ConnectionOptions, type Job, Worker } from 'bullmq';
import { z } from 'zod';
import { openQueue } from '../open-queue.ts';
import { retryFailed } from './retry-failed.ts';

export const TRIAGE_QUEUE = 'triage';
/** A job that proves the queue alive: nothing is to be done (pulse.ts). */
export const PULSE_JOB = 'pulse';

const TriageJob = z.object({ incidentId: z.string() });

/** A triage is pure waiting for Prometheus, a collector and Slack: one bot carries many at the same time. */
export const TRIAGE_CONCURRENCY = 100;
/** A killed replica's job is taken over after this at the latest, plus one stalled check. Renewed at half time. */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 5_000;
/** Redis being away is the only thing that fails a job; the waits double from 1 s and end at 30 s. */
const ATTEMPTS = 100;
const FINISHED_KEPT_SECONDS = 86_400;

export type TriageQueue = {
  /**
   * Stores the job; resolves only when Redis has it. The same round of the same incident is never queued twice; one that
   * failed for good is tried once more.
   */
  add(incidentId: string, round?: number): Promise<void>;
  close(): Promise<void>;
};

export function createTriageQueue(connection: ConnectionOptions, prefix: string): TriageQueue {
  const queue = openQueue(TRIAGE_QUEUE, connection, prefix);
  return {
    async add(incidentId, round = 1) {
      const job = await queue.add(
        'triage',
        { incidentId },
        {
          jobId: createHash('sha256')
            .update(round === 1 ? incidentId : `${incidentId}/${round}`)
            .digest('hex')
            .slice(0, 32),
          attempts: ATTEMPTS,
          backoff: { type: 'triage' },
          removeOnComplete: { age: FINISHED_KEPT_SECONDS },
          removeOnFail: { age: 7 * FINISHED_KEPT_SECONDS },
        },
      );
      await retryFailed(job);
    },
    close: () => queue.close(),
  };
}

export type TriageWorkerOptions = {
  connection: ConnectionOptions;
  prefix: string;
  /** The whole triage of one incident; safe to run again after a crash. */
  run: (incidentId: string) => Promise<void>;
  onError: (error: Error, incidentId: string | null) => void;
};

/** Takes triage jobs, those of crashed replicas too. `close()` waits for the ones under way. */
export function startTriageWorker({ connection, prefix, run, onError }: TriageWorkerOptions): Worker {
  const take = async (job: Job): Promise<void> => {
    if (job.name !== PULSE_JOB) await run(TriageJob.parse(job.data).incidentId);
  };
  const worker = new Worker(TRIAGE_QUEUE, take, {
    connection,
    prefix,
    concurrency: TRIAGE_CONCURRENCY,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    // An idle worker sees a job that was taken over at its next poll only (BullMQ 6.7; default 5 s).
    drainDelay: 1,
    // A job is only stalled when its bot died: that must not use up its tries.
    maxStalledCount: 50,
    settings: { backoffStrategy: (attempts) => Math.min(30_000, 500 * 2 ** attempts) },
  });
  worker.on('error', (error) => onError(error, null));
  worker.on('failed', (job, error) => onError(error, job === undefined ? null : TriageJob.parse(job.data).incidentId));
  return worker;
}
