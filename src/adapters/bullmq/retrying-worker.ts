import { type ConnectionOptions, type Processor, UnrecoverableError, Worker } from 'bullmq';
import type { z } from 'zod';

export type RetryingWork = {
  connection: ConnectionOptions;
  prefix: string;
  /** Jobs under way at a time in one process. */
  concurrency: number;
  /** A killed replica's job is taken over after this and half of it again. Renewed at half time. */
  lockMs: number;
  /** Waits before a failed job is tried again: twice the first one, then doubling. */
  retryMs: { first: number; longest: number };
  /** Safe to run again after a crash. */
  process: Processor;
  onError: (error: Error) => void;
};

/** A worker whose jobs may be done again: those that failed, and those of crashed replicas. */
export function startRetryingWorker(queue: string, work: RetryingWork): Worker {
  const { connection, prefix, concurrency, lockMs, retryMs, process, onError } = work;
  const worker = new Worker(queue, process, {
    connection,
    prefix,
    concurrency,
    lockDuration: lockMs,
    stalledInterval: lockMs / 2,
    // An idle worker sees a job that was taken over at its next poll only (BullMQ 6.7; default 5 s).
    drainDelay: 1,
    // A job is only stalled when its process died: that must not use up its tries.
    maxStalledCount: 50,
    settings: { backoffStrategy: (attempts) => Math.min(retryMs.longest, retryMs.first * 2 ** attempts) },
  });
  worker.on('error', onError);
  worker.on('failed', (_job, error) => onError(error));
  return worker;
}

/** `what`: of the error's first words. What another version stored can't be cured by trying again. */
export function readStored<T>(schema: z.ZodType<T>, data: unknown, what: string): T {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new UnrecoverableError(`a stored ${what} cannot be read: ${parsed.error.message}`);
}
