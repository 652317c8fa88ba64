import { z } from 'zod';

/** What an alert is about. `custom`: none of ours, so it is looked at like growth. */
export const AlertKind = z.enum(['oom', 'rss_growth', 'custom']);
export type AlertKind = z.infer<typeof AlertKind>;

/** One alert as the incident remembers it. Times RFC 3339. */
export const Occurrence = z.object({
  /** The same for every copy of it. */
  key: z.string(),
  /** The same while it fires and when it resolves; null: it is a moment and never resolves. */
  fingerprint: z.string().nullable(),
  source: z.string(),
  kind: AlertKind,
  name: z.string(),
  summary: z.string(),
  /** Pod or process; null: it is about the service. */
  instance: z.string().nullable(),
  /** The machine that it happened on; null or absent: not named. */
  node: z.string().nullable().optional(),
  startsAt: z.string(),
});
export type Occurrence = z.infer<typeof Occurrence>;

/** One line of the incident's timeline. */
export const TimelineEntry = z.object({
  /** Counts up from 1. */
  id: z.number(),
  at: z.string(),
  event: z.enum(['occurred', 'reopened', 'resolved', 'quiet']),
  kind: AlertKind,
  name: z.string(),
  summary: z.string(),
  instance: z.string().nullable(),
  node: z.string().nullable().optional(),
  /** Who told of it, in the order that they did, and under which keys: one kill has many witnesses. */
  sources: z.array(z.string()),
  keys: z.array(z.string()),
  /** The how-manieth of its kind in this incident. */
  count: z.number(),
  /** Worth a reply in the thread. */
  isTold: z.boolean(),
});
export type TimelineEntry = z.infer<typeof TimelineEntry>;

const Run = z.object({ count: z.number(), firstAt: z.string(), lastAt: z.string() });
export type Run = z.infer<typeof Run>;

/** The alerts of one incident, counted; its timeline ends at the newest 200. */
export const AlertTally = z.object({
  schema: z.literal(1),
  kills: Run.nullable(),
  others: Run.nullable(),
  instances: z.array(z.string()),
  /** Fingerprints that fire now. */
  firing: z.array(z.string()),
  /** Fingerprint -> key of the newest alert, of those that fired anew before their end was told. */
  anew: z.record(z.string(), z.string()).optional(),
  /** Since when everything that fired is resolved; null: something fires, or nothing of it can resolve. */
  quietSince: z.string().nullable(),
  /** How often the runbook was begun anew because of what happened since. */
  looks: z.number(),
  entries: z.number(),
  timeline: z.array(TimelineEntry),
});
export type AlertTally = z.infer<typeof AlertTally>;

/** The node of the newest OOM kill, or null. */
export function nodeOfLastKill({ timeline }: AlertTally): string | null {
  return (
    timeline.findLast(({ kind, event }) => kind === 'oom' && event !== 'resolved' && event !== 'quiet')?.node ?? null
  );
}
