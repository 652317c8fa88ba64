import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Snapshot } from '../../analysis/snapshot.ts';

/** What both sides of the snapshot queue agree on: its name, the job, the answer. One queue for each site. */

export const SnapshotJob = z.object({
  schema: z.literal(1),
  service: z.string(),
  /** Null: the collector picks the largest. */
  instance: z.string().nullable(),
});
export type SnapshotJob = z.infer<typeof SnapshotJob>;

/** One census of a healthy process, to be stored with the baseline that was recorded at that time. */
export const CensusJob = z.object({
  schema: z.literal(1),
  service: z.string(),
  release: z.string().nullable(),
  /** RFC 3339. */
  recordedAt: z.string(),
  /** Epoch milliseconds: one that nobody took in time would tell of another state than the baseline. */
  askedAt: z.number(),
});
export type CensusJob = z.infer<typeof CensusJob>;

/** Names of the two kinds of jobs in the queue. */
export const LOOK_JOB = 'look';
export const CENSUS_JOB = 'census';

/** A failed look is an answer too: a job that throws is a bug or a lost collector. */
export const SnapshotAnswer = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('ok'), value: Snapshot }),
  z.object({
    outcome: z.enum(['inconclusive', 'error']),
    who: z.enum(['user', 'operator', 'upstream', 'us']),
    why: z.string(),
    tryThis: z.string(),
  }),
]);
export type SnapshotAnswer = z.infer<typeof SnapshotAnswer>;

/** Where looks that are under way leave what they have seen so far: whoever waits has it when they don't end. */
export interface SeenSoFar {
  keep(lookId: string, partial: Snapshot): Promise<void>;
  find(lookId: string): Promise<Snapshot | null>;
}

/** Of a job among those of all sites. */
export function lookIdOf(site: string, jobId: string): string {
  return `${snapshotQueueName(site)}/${jobId}`;
}

/** BullMQ allows no colon in names; whatever else a site is called, the name is short and its own. */
export function snapshotQueueName(site: string): string {
  return /^[A-Za-z0-9_-]{1,40}$/.test(site) ? `snapshot-${site}` : `snapshot-${hash(site)}`;
}

/** The same key is the same job. Never a bare number, which BullMQ takes for its own ids. */
export function snapshotJobId(key: string): string {
  return `k${hash(key)}`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
