import { z } from 'zod';

/**
 * `proposed`: buttons are shown. `approved`: everybody needed agreed, it may be carried out, once. `acting`: the
 * collector of the site has it. `verifying`: it is done and memory is watched. `unproven`: it is done, and nobody can
 * tell whether it helped. The others are ends, too.
 */
export const RollbackState = z.enum([
  'proposed',
  'approved',
  'acting',
  'verifying',
  'recovered',
  'not-recovered',
  'unproven',
  'declined',
  'expired',
  'blocked',
  'failed',
]);
export type RollbackState = z.infer<typeof RollbackState>;

/** `green`: holds. `amber`: not known, or holds by a person's word. `red`: does not hold, and blocks. */
export const Guard = z.object({
  name: z.string(),
  state: z.enum(['green', 'amber', 'red']),
  /** What it was judged by, as a sentence. Plain text. */
  evidence: z.string(),
});
export type Guard = z.infer<typeof Guard>;

export const DeclineReason = z.enum(['false-alarm', 'known-batch', 'fix-forward', 'wait']);
export type DeclineReason = z.infer<typeof DeclineReason>;

/** RSS of the worst instance in bytes and its growth with a 95 % interval; null: not measured. */
const Memory = z.object({
  rssBytes: z.number().nullable(),
  growth: z.object({ bytesPerHour: z.number(), low: z.number(), high: z.number() }).nullable(),
});

/** One rollback of one incident from its proposal to its proof. Times RFC 3339. */
export const Rollback = z.object({
  schema: z.literal(1),
  /** Rises with every change: a button carries the one that it was shown with. */
  version: z.number(),
  incident: z.string(),
  service: z.string(),
  site: z.string(),
  from: z.string(),
  to: z.string(),
  state: RollbackState,
  /** Slack user, or `memtriage` for a rollback that started by itself. */
  requestedBy: z.string(),
  approvalsNeeded: z.union([z.literal(1), z.literal(2)]),
  /** Users (`U…`, `W…`) and user groups (`S…`). */
  approvers: z.array(z.string()),
  approvals: z.array(z.object({ userId: z.string(), at: z.string() })),
  proposedAt: z.string(),
  expiresAt: z.string(),
  /** Of the report that it stands on: when it was made, and the memory before. */
  reportedAt: z.string(),
  before: Memory,
  guards: z.array(Guard),
  /** The rollout that was under way is the suspect's, and the rollback ends it; absent: there was none, or another one. */
  endsRollout: z.boolean().optional(),
  /** One before it was declined or tried: it does not start by itself any more; absent: none was. */
  isAsked: z.literal(true).optional(),
  /** Tier 0: whoever approves types the service's name. */
  isTierZero: z.boolean(),
  /** What an approver said of migrations between the two releases, which nothing recorded tells of. */
  migrationWord: z.object({ by: z.string(), at: z.string() }).nullable(),
  /** Seconds to the limit at the fast end of the interval, and what a rollback is expected to take; null: not known. */
  secondsToLimit: z.number().nullable(),
  secondsToRollBack: z.number().nullable(),
  /** Why it ended without a decision; null: it did not, or its time was over. */
  withdrawn: z.string().nullable(),
  declined: z.object({ by: z.string(), at: z.string(), reason: DeclineReason, note: z.string() }).nullable(),
  act: z
    .object({
      startedAt: z.string(),
      endedAt: z.string().nullable(),
      /** `unknown`: whoever acted died, and nobody could tell how far it came. */
      outcome: z.enum(['done', 'failed', 'unknown']).nullable(),
      /** What state things are in. Plain text. */
      message: z.string(),
      /** It failed before anything was changed; absent: something was, or that is not sure. */
      isUntouched: z.literal(true).optional(),
    })
    .nullable(),
  proof: z
    .object({
      judgedAt: z.string(),
      /** Instances that run the release it was rolled back to, of all. */
      instancesChanged: z.number(),
      instances: z.number(),
      after: Memory,
      /** From the opening of the incident to the end of the act. */
      secondsToMitigation: z.number(),
      message: z.string(),
    })
    .nullable(),
});
export type Rollback = z.infer<typeof Rollback>;
