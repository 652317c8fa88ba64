import { type ConnectionOptions, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { ActEnd, DryRun, RollbackOrder } from '../../mitigation/executor.ts';
import { closeWorker } from '../close-worker.ts';
import { RollbackJob, rollbackQueueName } from './rollback-queue.ts';

/** Rollbacks of different services at once; those of one service are kept apart by the ledger. */
const CONCURRENCY = 4;
/** A killed collector's order is taken over after this and one check. Renewed at half time. */
const LOCK_MS = 10_000;
const MAX_BACKOFF_MS = 10_000;

export type RollbackWorkerOptions = {
  connection: ConnectionOptions;
  prefix: string;
  site: string;
  lockMs?: number;
  /** Safe to call again: it does once what it stands for. Rejects when the collector stops: then the next one goes on. */
  act: (order: RollbackOrder, context: { signal: AbortSignal; progress: (text: string) => void }) => Promise<ActEnd>;
  dryRun: (order: RollbackOrder, signal: AbortSignal) => Promise<DryRun>;
  onError: (error: Error) => void;
};

/** Takes the rollback orders of a site. `close` leaves what is under way to the next collector. */
export function startRollbackWorker(options: RollbackWorkerOptions): { close: () => Promise<void> } {
  const { connection, prefix, site, lockMs = LOCK_MS, act, dryRun, onError } = options;
  const closing = new AbortController();

  async function take(job: Job): Promise<ActEnd | DryRun> {
    const parsed = RollbackJob.safeParse(job.data);
    // Never begun, so nothing was changed; the bot says that nobody can tell, and a person looks.
    if (!parsed.success) throw new UnrecoverableError('the order is of another version of memtriage');
    const { kind, order } = parsed.data;
    if (order.site !== site) throw new UnrecoverableError(`the order is for site ${order.site}, this one is ${site}`);
    if (kind === 'dry-run') return await dryRun(order, closing.signal);
    // Progress is for people who watch: the next one says more.
    const progress = (text: string) => void job.updateProgress(text).catch(() => {});
    return await act(order, { signal: closing.signal, progress });
  }

  const worker = new Worker(rollbackQueueName(site), take, {
    connection,
    prefix,
    concurrency: CONCURRENCY,
    lockDuration: lockMs,
    stalledInterval: lockMs / 2,
    // An idle worker sees a job that was taken over at its next poll only (BullMQ 6.7; default 5 s).
    drainDelay: 1,
    // How often an act is taken up again is bounded by its ledger.
    maxStalledCount: 50,
    settings: { backoffStrategy: (attempts) => Math.min(MAX_BACKOFF_MS, 250 * 2 ** attempts) },
  });
  worker.on('error', onError);
  worker.on('failed', (_job, error) => {
    if (!closing.signal.aborted) onError(error);
  });
  return {
    async close() {
      closing.abort(new Error('the collector is being stopped'));
      await closeWorker(worker);
    },
  };
}
