import { z } from 'zod';
import type { Verdict } from '../analysis/series.ts';

/**
 * What one look at a service saw, worst first. `critical`: over the critical budget, or a leak that needs somebody now;
 * `leak`: one for certain, within the allowed growth; `warning`: a suspicion, or over the warning budget; `calm`: healthy,
 * or filling what a healthy release fills too; `unknown`: it could not be told.
 */
export const SIGNS = ['critical', 'leak', 'warning', 'calm', 'unknown'] as const;
export type Sign = (typeof SIGNS)[number];

export type AlarmLevel = 'warning' | 'critical';

/**
 * How many looks in a row must see at least `sign` before somebody is called. Two for what is certain: a second look
 * agrees (facts: 6 % of calm services ever alarm, against 99 % with the usual rules). A suspicion must last as long as
 * a warning of the policy, six looks.
 */
const RAISES: readonly { sign: 'critical' | 'leak' | 'warning'; looks: number; level: AlarmLevel }[] = [
  { sign: 'critical', looks: 2, level: 'critical' },
  { sign: 'leak', looks: 2, level: 'warning' },
  { sign: 'warning', looks: 6, level: 'warning' },
];

/** Calm looks in a row after which trouble that comes back is new: believed as slowly as a suspicion is. */
export const CALM_LOOKS = 6;

/** What is remembered of a service between two looks; stored, so that any replica may do the next one. */
export const WatchState = z.object({
  schema: z.literal(1),
  /** Epoch milliseconds: the moment that the last counted look stands for. */
  atMs: z.number(),
  /** Looks in a row that saw at least this sign. */
  runs: z.object({ critical: z.number(), leak: z.number(), warning: z.number(), calm: z.number() }),
  /** What was told of the trouble that goes on, and the release that had it; null: nothing. */
  told: z.object({ level: z.enum(['warning', 'critical']), release: z.string().nullable() }).nullable(),
  /** Calm for `CALM_LOOKS` since `told`: the next trouble is another one. */
  wasCalm: z.boolean(),
});
export type WatchState = z.infer<typeof WatchState>;

export type WatchLook = { atMs: number; sign: Sign; release: string | null };

/**
 * The service's open incident, whoever opened it. `verdict`: its report's; null while it is being triaged.
 * `hasThread`: people hear of it.
 */
export type OpenIncident = { verdict: Verdict | null; hasThread: boolean };

/** `look-again`: the open incident is triaged anew, in its own thread. */
export type WatchAction =
  | { kind: 'none' }
  | { kind: 'open'; level: AlarmLevel }
  | { kind: 'look-again'; level: AlarmLevel }
  | { kind: 'close' };

/**
 * The next state and what is to be done, from one more look.
 *
 * Tells when a run of `RAISES` is full and this trouble was not told yet, or only as a warning; trouble is another one
 * after calm looks, unless an incident is still open and the same release runs. One incident, one thread: an open one is
 * looked into again, otherwise a new one opens. Closes after `looksUntilClosed` calm looks in a row. A look that could
 * not tell neither counts nor interrupts.
 */
export function advance(
  before: WatchState | null,
  look: WatchLook,
  open: OpenIncident | null,
  looksUntilClosed: number,
): { next: WatchState; action: WatchAction } {
  const runs = countRuns(before?.runs, look.sign);
  const told = before?.told ?? null;
  const wasCalm = told !== null && ((before?.wasCalm ?? false) || runs.calm >= CALM_LOOKS);
  const next: WatchState = { schema: 1, atMs: look.atMs, runs, told, wasCalm };

  const level = levelOf(runs);
  if (level !== null) return raise(next, level, look, open?.hasThread === true ? open : null);
  if (runs.calm < looksUntilClosed) return { next, action: NONE };
  const isReported = open !== null && open.verdict !== null;
  return { next: { ...next, told: null, wasCalm: false }, action: isReported ? { kind: 'close' } : NONE };
}

const NONE: WatchAction = { kind: 'none' };

function raise(state: WatchState, level: AlarmLevel, look: WatchLook, open: OpenIncident | null) {
  // Somebody asked already, and the report under way may tell it: the next look knows.
  if (open !== null && open.verdict === null) return { next: state, action: NONE };
  const known = toldOfThis(state, look, open);
  const isNews = known === null || (known === 'warning' && level === 'critical');
  const told = { level: isNews ? level : known, release: look.release };
  const action: WatchAction = { kind: open === null ? 'open' : 'look-again', level };
  if (isNews) return { next: { ...state, told, wasCalm: false }, action };
  // What the report of somebody else's incident tells need not be told by us.
  return { next: state.told === null ? { ...state, told } : state, action: NONE };
}

function countRuns(before: WatchState['runs'] = { critical: 0, leak: 0, warning: 0, calm: 0 }, sign: Sign) {
  if (sign === 'unknown') return before;
  if (sign === 'calm') return { critical: 0, leak: 0, warning: 0, calm: before.calm + 1 };
  const isAtLeast = (other: Sign): boolean => SIGNS.indexOf(sign) <= SIGNS.indexOf(other);
  return {
    critical: isAtLeast('critical') ? before.critical + 1 : 0,
    leak: isAtLeast('leak') ? before.leak + 1 : 0,
    warning: before.warning + 1,
    calm: 0,
  };
}

/** The worst level whose run is full. */
function levelOf(runs: WatchState['runs']): AlarmLevel | null {
  return RAISES.find(({ sign, looks }) => runs[sign] >= looks)?.level ?? null;
}

/** What people know of the present trouble: from us, or from the report of an incident that is still open. */
function toldOfThis({ told, wasCalm }: WatchState, look: WatchLook, open: OpenIncident | null): AlarmLevel | null {
  const isAnother = wasCalm && (open === null || told?.release !== look.release);
  if (isAnother) return null;
  const { verdict = null } = open ?? {};
  if (told?.level === 'critical' || verdict === 'critical') return 'critical';
  return told !== null || verdict === 'warning' ? 'warning' : null;
}
