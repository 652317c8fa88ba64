import { createHash } from 'node:crypto';
import { type ConnectionOptions, DelayedError, type Job, Worker } from 'bullmq';
import { z } from 'zod';
import { openQueue } from '../open-queue.ts';

export const MITIGATION_QUEUE = 'mitigation';

const MitigationJob = z.object({ incidentId: z.string() });

/** Steps wait for Redis and Slack only. */
const CONCURRENCY = 20;
/** A killed bot's step is taken over after this and one check. Renewed at half time. */
const LOCK_MS = 5000;
const STALLED_CHECK_MS = 2500;
/** A step fails only while Redis or the memory's source is away; the waits double from 1 s and end at 10 s. */
const ATTEMPTS = 1000;
const KEPT = { age: 86_400 };

export type MitigationQueue = {
  /** Stores it; resolves only when Redis has it. The same key again changes nothing. */
  add(incidentId: string, key: string): Promise<void>;
  close(): Promise<void>;
};

export function createMitigationQueue(connection: ConnectionOptions, prefix: string): MitigationQueue {
  const queue = openQueue(MITIGATION_QUEUE, connection, prefix);
  return {
    async add(incidentId, key) {
      const jobId = `m${createHash('sha256').update(key).digest('hex').slice(0, 31)}`;
      // One that was given up is given again by the sweep, as long as its rollback has no end.
      const kept = { removeOnComplete: KEPT, removeOnFail: true };
      await queue.add('step', { incidentId }, { jobId, attempts: ATTEMPTS, backoff: { type: 'mitigation' }, ...kept });
    },
    close: () => queue.close(),
  };
}

export type MitigationWorkerOptions = {
  connection: ConnectionOptions;
  prefix: string;
  /** One step; seconds until the next one, null: it has ended. Safe to repeat. */
  step: (incidentId: string) => Promise<number | null>;
  onError: (error: Error) => void;
};

/** Takes step after step of what is carried out, that of crashed replicas too. */
export function startMitigationWorker({ connection, prefix, step, onError }: MitigationWorkerOptions): Worker {
  async function process(job: Job, token?: string): Promise<void> {
    const due = await step(MitigationJob.parse(job.data).incidentId);
    if (due === null) return;
    await job.moveToDelayed(Date.now() + Math.round(due * 1000), token);
    throw new DelayedError();
  }

  const worker = new Worker(MITIGATION_QUEUE, process, {
    connection,
    prefix,
    concurrency: CONCURRENCY,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    drainDelay: 1,
    // A job is only stalled when its bot died: that must not use up its tries.
    maxStalledCount: 1000,
    settings: { backoffStrategy: (attempts) => Math.min(10_000, 500 * 2 ** Math.min(attempts, 10)) },
  });
  worker.on('error', onError);
  worker.on('failed', (_job, error) => onError(error));
  return worker;
}
