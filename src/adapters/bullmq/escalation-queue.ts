import { createHash } from 'node:crypto';
import type { ConnectionOptions, Worker } from 'bullmq';
import { z } from 'zod';
import { openQueue } from '../open-queue.ts';
import { readStored, startRetryingWorker } from './retrying-worker.ts';

const QUEUE = 'escalation';

/** What is due for an incident. `level`: of the round that is asked; `wake`: the snooze of the round has ended. */
export const EscalationJob = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('level'), incidentId: z.string(), round: z.number(), level: z.number() }),
  z.object({ kind: z.literal('wake'), incidentId: z.string(), round: z.number(), until: z.string() }),
  /** Memory is looked at again: the last moment at which one could still act. */
  z.object({ kind: z.literal('recheck'), incidentId: z.string(), at: z.string() }),
  /** Every pager that is under way gets the job that is due for it, should it be lost. */
  z.object({ kind: z.literal('sweep') }),
]);
export type EscalationJob = z.infer<typeof EscalationJob>;

/** Each waits for Redis and one call of Slack. */
const CONCURRENCY = 20;
const LOCK_MS = 10_000;
const ATTEMPTS = 100;
/** A job that is done is known by its id for so long: longer than any wait of an escalation. */
const FINISHED = { age: 8 * 86_400, count: 20_000 };
const SWEEP_EVERY_MS = 60_000;

export type EscalationQueue = {
  /** Stores it; resolves only when Redis has it. The same job again is stored once, also after it was done. */
  add(job: EscalationJob, dueMs: number): Promise<void>;
  /** Once for all replicas. */
  keepSweeping(): Promise<void>;
  close(): Promise<void>;
};

export function createEscalationQueue(connection: ConnectionOptions, prefix: string): EscalationQueue {
  const queue = openQueue(QUEUE, connection, prefix);
  return {
    async add(job, dueMs) {
      await queue.add(job.kind, job, {
        jobId: createHash('sha256').update(JSON.stringify(job)).digest('hex').slice(0, 32),
        delay: Math.max(0, dueMs - Date.now()),
        attempts: ATTEMPTS,
        backoff: { type: 'escalation' },
        removeOnComplete: FINISHED,
        // Given up after half an hour, as while Slack is away: the sweep gives it again, as long as it is due.
        removeOnFail: true,
      });
    },
    async keepSweeping() {
      const template = { name: 'sweep', data: { kind: 'sweep' }, opts: { removeOnComplete: true, removeOnFail: 100 } };
      await queue.upsertJobScheduler('sweep', { every: SWEEP_EVERY_MS }, template);
    },
    close: () => queue.close(),
  };
}

export function startEscalationWorker(options: {
  connection: ConnectionOptions;
  prefix: string;
  /** Safe to run again after a crash. */
  run: (job: EscalationJob) => Promise<void>;
  onError: (error: Error) => void;
}): Worker {
  const { connection, prefix, run, onError } = options;
  return startRetryingWorker(QUEUE, {
    connection,
    prefix,
    concurrency: CONCURRENCY,
    lockMs: LOCK_MS,
    retryMs: { first: 250, longest: 15_000 },
    process: async (job) => await run(readStored(EscalationJob, job.data, 'job')),
    onError,
  });
}
