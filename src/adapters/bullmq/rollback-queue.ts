import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { type ConnectionOptions, type Job, Queue } from 'bullmq';
import { z } from 'zod';
import { failed, inconclusive } from '../../errors.ts';
import type { OrderState } from '../../mitigation/carry-out.ts';
import { ActEnd, type DryRun, RollbackOrder } from '../../mitigation/executor.ts';
import { openQueue } from '../open-queue.ts';

/** What both sides of the rollback queue agree on, and the bot's side of it. One queue for each site. */

export const RollbackJob = z.object({ kind: z.enum(['act', 'dry-run']), order: RollbackOrder });
export type RollbackJob = z.infer<typeof RollbackJob>;

const DryRunAnswer = z.object({
  outcome: z.discriminatedUnion('outcome', [
    z.object({ outcome: z.literal('ok'), value: z.string() }),
    z.object({
      outcome: z.enum(['inconclusive', 'error']),
      who: z.enum(['user', 'operator', 'upstream', 'us']),
      why: z.string(),
      tryThis: z.string(),
    }),
  ]),
  managedBy: z.string().nullable(),
  isRollingOut: z.boolean().nullable(),
  endsRollout: z.boolean().default(false),
});

/** Redis being away, or a collector that stops in the middle: the act goes on with the next try. */
const ATTEMPTS = 30;
const KEPT = { age: 7 * 86_400 };
const DRY_RUN_SECONDS = 40;
const POLL_MS = 200;

export type RollbackQueue = {
  /** Stores the order; resolves only when Redis has it. The same key again is the same order. */
  give(order: RollbackOrder): Promise<void>;
  /** Takes back what no collector has begun; false when it is too late for that. */
  takeBack(order: RollbackOrder): Promise<boolean>;
  look(order: RollbackOrder): Promise<OrderState>;
  /** Asks the collector of the site what would happen. Ends within 40 s. */
  dryRun(order: RollbackOrder, signal: AbortSignal): Promise<DryRun>;
  close(): Promise<void>;
};

/** BullMQ allows no colon in names; whatever a site is called, the name is short and its own. */
export function rollbackQueueName(site: string): string {
  return /^[A-Za-z0-9_-]{1,40}$/.test(site) ? `rollback-${site}` : `rollback-${hash(site)}`;
}

export function createRollbackQueue(connection: ConnectionOptions, prefix: string): RollbackQueue {
  const queues = new Map<string, Queue>();

  function queueOf(site: string): Queue {
    const known = queues.get(site);
    if (known !== undefined) return known;
    const queue = openQueue(rollbackQueueName(site), connection, prefix);
    queues.set(site, queue);
    return queue;
  }

  return {
    async give(order) {
      const data: RollbackJob = { kind: 'act', order };
      const kept = { removeOnComplete: KEPT, removeOnFail: KEPT };
      const opts = { jobId: actId(order), attempts: ATTEMPTS, backoff: { type: 'rollback' }, ...kept };
      await queueOf(order.site).add('act', data, opts);
    },
    async takeBack(order) {
      const { state } = await lookAt(queueOf(order.site), order);
      if (state === 'gone') return true;
      // A job that a collector has is locked, and is not removed.
      return state === 'waiting' && (await queueOf(order.site).remove(actId(order))) === 1;
    },
    look: (order) => lookAt(queueOf(order.site), order),
    async dryRun(order, signal) {
      const queue = queueOf(order.site);
      const data: RollbackJob = { kind: 'dry-run', order };
      const job = await queue.add('dry-run', data, { removeOnComplete: { age: 300 }, removeOnFail: { age: 300 } });
      return await answerOf(queue, job.id ?? '', order, signal);
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}

async function lookAt(queue: Queue, order: RollbackOrder): Promise<OrderState> {
  const job: Job | undefined = await queue.getJob(actId(order));
  if (job === undefined) return { state: 'gone' };
  const end = ActEnd.safeParse(job.returnvalue);
  if (job.finishedOn !== undefined && end.success) return { state: 'ended', end: end.data };
  if (job.finishedOn !== undefined) return { state: 'ended', end: broken(job.failedReason) };
  const progress = typeof job.progress === 'string' ? job.progress : null;
  // One that was begun and waits for its next try is not to be taken back.
  const isBegun = job.processedOn !== undefined || job.attemptsStarted > 0;
  return { state: isBegun ? 'acting' : 'waiting', progress };
}

async function answerOf(queue: Queue, jobId: string, order: RollbackOrder, signal: AbortSignal): Promise<DryRun> {
  const end = Date.now() + DRY_RUN_SECONDS * 1000;
  while (Date.now() < end) {
    const job: Job | undefined = await queue.getJob(jobId);
    const answer = DryRunAnswer.safeParse(job?.returnvalue);
    if (answer.success) return answer.data;
    if (job === undefined || job.finishedOn !== undefined) break;
    await wait(POLL_MS, undefined, { signal });
  }
  await queue.remove(jobId).catch(() => 0);
  const why = `the collector of site ${order.site} did not say within ${DRY_RUN_SECONDS} s whether it could roll back`;
  const cure = `Start \`memtriage collector --site ${order.site}\`, and read its log`;
  return { outcome: inconclusive('operator', why, cure), managedBy: null, isRollingOut: null };
}

/** Nobody can tell any more: whoever had it failed again and again. */
function broken(reason: string | undefined): ActEnd {
  const { why, tryThis } = failed(
    'operator',
    `the collector failed at it: ${reason ?? 'no reason is known'}`,
    'Read its log',
  );
  return { state: 'unknown', message: `${why}. ${tryThis}` };
}

function actId({ key }: RollbackOrder): string {
  return `r${hash(key)}`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
