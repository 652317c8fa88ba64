import { z } from 'zod';

/** `oom`: the kernel kills. `critical`, `warning`: the report's verdict. */
export const Trouble = z.enum(['none', 'warning', 'critical', 'oom']);
export type Trouble = z.infer<typeof Trouble>;

/**
 * `quiet`: nobody has to be told. `waiting`: somebody is looking already; others are paged when they do not take it.
 * `paging`: one level after the other is asked. `unanswered`: all were. `held`: somebody has it. `snoozed`: they come
 * back to it. `over`: nobody needs to act any more.
 */
export const PagerState = z.enum(['quiet', 'waiting', 'paging', 'unanswered', 'held', 'snoozed', 'over']);
export type PagerState = z.infer<typeof PagerState>;

const Someone = z.object({ userId: z.string().nullable(), name: z.string() });

/** Another killed service of the same umbrella, whose page stands for this one's. */
export const Spared = z.object({ umbrella: z.string(), incident: z.string(), service: z.string() });
export type Spared = z.infer<typeof Spared>;

/** Who was asked to look at an incident, and who has it. Times RFC 3339. */
export const Pager = z.object({
  schema: z.literal(1),
  /** Rises with every change. */
  version: z.number(),
  incident: z.string(),
  service: z.string(),
  team: z.string(),
  state: PagerState,
  /** Of paging, from 1; 0: nobody was paged yet. Jobs, messages and buttons of an earlier round are void. */
  round: z.number(),
  begunAt: z.string().nullable(),
  /** The last level of this round that was asked, from 1; 0: none yet. */
  level: z.number(),
  /** When the next level is asked, or the snooze ends; null: nothing is due. */
  dueAt: z.string().nullable(),
  /** What this round is about, a plain clause. */
  why: z.string(),
  /** What was known when it was last decided: what is worse than that pages again. */
  seen: z.object({
    trouble: Trouble,
    kills: z.number(),
    /** When the limit may be reached at the earliest, as the last look that could tell said; null: none could. */
    limitFrom: z.string().nullable(),
  }),
  /** `thread`: where they were asked, the incident's own or an umbrella's; absent: the incident's own. */
  pages: z.array(
    z.object({
      round: z.number(),
      level: z.number(),
      userIds: z.array(z.string()),
      at: z.string(),
      thread: z.string().optional(),
    }),
  ),
  /** `trouble`: how bad it was when they took it. */
  holder: z.object({ userId: z.string(), at: z.string(), trouble: Trouble }).nullable(),
  snoozed: z.object({ by: z.string(), until: z.string() }).nullable(),
  /** The rollback that last failed or did not help, by the time of its end: it asks everybody anew, once. */
  setback: z.string().nullable(),
  /** For whom else of the same umbrella the team was paged, so that nobody is for this one; null or absent: for nobody. */
  spared: Spared.nullable().optional(),
  /** When a warning was last raised in the thread. */
  raisedAt: z.string().nullable(),
  /** Plain text, in the team's zone. `clock`: the time to the limit laid over the week; null: there is none. */
  onCall: z.object({
    rules: z.string(),
    primary: Someone.nullable(),
    /** On call together with the first. */
    others: z.array(Someone).optional(),
    until: z.string().nullable(),
    backup: Someone.nullable(),
    clock: z.string().nullable(),
  }),
});
export type Pager = z.infer<typeof Pager>;
