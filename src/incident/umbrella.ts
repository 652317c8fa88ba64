import { z } from 'zod';
import { type Incident, IncidentState } from './incident.ts';
import { Verdict } from './step-result.ts';

/** What the report of a child says, in short; kept as it was when it came, since a reply of the thread shows it. */
export const ChildReport = z.object({
  /** The how-manieth triage of the incident. */
  round: z.number(),
  verdict: Verdict,
  /** As its root would begin: a sign, and plain words. */
  sign: z.string(),
  words: z.string(),
  /** Plain phrases. */
  figures: z.array(z.string()),
  why: z.string(),
  /** The signed address of the whole report; null: there is none. */
  page: z.string().nullable(),
  /** 95 % interval, bytes an hour; null: not measured. */
  growth: z.object({ bytesPerHour: z.number(), low: z.number(), high: z.number() }).nullable(),
  advisesRollback: z.boolean(),
});
export type ChildReport = z.infer<typeof ChildReport>;

/** One service of many that were killed at once, as its incident was seen last. Times RFC 3339. */
export const UmbrellaChild = z.object({
  incident: z.string(),
  service: z.string(),
  team: z.string().nullable(),
  /** Of its incident, all in all. */
  kills: z.number(),
  /** The kill that brought it here, and its newest one. */
  firstKillAt: z.string(),
  lastKillAt: z.string(),
  /** Of the newest kill; null: no witness named one. */
  node: z.string().nullable(),
  state: IncidentState,
  quietSince: z.string().nullable(),
  silencedUntil: z.string().nullable(),
  report: ChildReport.nullable(),
  /** It has a thread of its own; else it is listed on the umbrella's root only. */
  hasThread: z.boolean(),
});
export type UmbrellaChild = z.infer<typeof UmbrellaChild>;

/** One thread for many services of a channel that were OOM-killed at once. Times RFC 3339. */
export const Umbrella = z.object({
  schema: z.literal(1),
  /** `U-<number>`. */
  id: z.string(),
  channelId: z.string(),
  openedAt: z.string(),
  /** When the newest kill was told. */
  heardAt: z.string(),
  /** Null: it is open, and further kills join it. */
  endedAt: z.string().nullable(),
  children: z.array(UmbrellaChild),
  /** For whom each team was paged. */
  pages: z.array(z.object({ team: z.string(), incident: z.string(), service: z.string(), at: z.string() })),
});
export type Umbrella = z.infer<typeof Umbrella>;

/**
 * The kills of one channel: those that are not under an umbrella yet, each incident by its newest; and umbrellas: the open
 * one, if there is one, and that of the incident in question.
 */
export type ChannelKills = { recent: readonly UmbrellaChild[]; umbrellas: readonly Umbrella[] };

export function openOf({ umbrellas }: ChannelKills): Umbrella | null {
  return umbrellas.find(({ endedAt }) => endedAt === null) ?? null;
}

export function childOf(umbrella: Umbrella | null, incidentId: string): UmbrellaChild | null {
  return umbrella?.children.find(({ incident }) => incident === incidentId) ?? null;
}

/** Nodes that its kills name, each once. */
export function nodesOf({ children }: Pick<Umbrella, 'children'>): string[] {
  return [...new Set(children.flatMap(({ node }) => node ?? []))];
}

/** The thread that tells of the incident: its own, or that of the umbrella on whose root it is listed. */
export function threadOf({ id, channelId, umbrella, isListed }: Incident): { id: string; channelId: string | null } {
  return { id: isListed === true && umbrella !== undefined ? umbrella : id, channelId };
}
