import { z } from 'zod';
import { AlertTally } from './alert-tally.ts';

/** What brought us here; chooses the runbook. */
export const Symptom = z.enum(['asked', 'memory-growth', 'oom-kill']);
export type Symptom = z.infer<typeof Symptom>;

/** `triaging` until the report is out; `reported` after; `closed` when nobody needs to act any more. */
export const IncidentState = z.enum(['triaging', 'reported', 'closed']);
export type IncidentState = z.infer<typeof IncidentState>;

/** One case, one thread. Times RFC 3339. */
export const Incident = z.object({
  schema: z.literal(1),
  /** `M-<number>`. */
  id: z.string(),
  service: z.string(),
  site: z.string(),
  symptom: Symptom,
  state: IncidentState,
  openedAt: z.string(),
  /** Slack user id, or a name such as `command line` or `watch`. */
  openedBy: z.string(),
  /** Where the thread lives; null when there is no Slack (command line). */
  channelId: z.string().nullable(),
  /** How often it was triaged, the one under way included; absent: once. */
  round: z.number().optional(),
  /** Id of the service's incident before it, which this one closed; empty or absent: none is known. */
  previous: z.string().optional(),
  /** Absent: no alert belongs to it. */
  alerts: AlertTally.optional(),
  /** `U-<number>`, the newest that it was killed under, with many others at once; absent: none. */
  umbrella: z.string().optional(),
  /** It is listed on that umbrella's root and has none of its own. */
  isListed: z.boolean().optional(),
});
export type Incident = z.infer<typeof Incident>;

export type TriageRequest = {
  service: string;
  symptom: Symptom;
  openedBy: string;
  channelId: string | null;
  /** How far back to look, seconds. */
  sinceSeconds: number;
  takeSnapshot: boolean;
};
