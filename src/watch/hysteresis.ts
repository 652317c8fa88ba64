import { z } from 'zod';
import type { Verdict } from '../analysis/series.ts';

export type AlarmLevel = 'warning' | 'critical';

/**
 * What a look may see, and what it raises when it lasts; worst first. `critical`: over the critical budget, or a leak
 * that reaches the limit before on-call can react; `leak`: growth for certain that burned the allowed growth of the long
 * window; `fast-leak`: all but certain, and faster than is allowed in an hour; `slow-leak`: growth for certain, perhaps
 * within what is allowed; `warning`: over the warning budget; `suspect`: perhaps a leak.
 */
const RAISES = [
  { sign: 'critical', level: 'critical' },
  { sign: 'leak', level: 'critical' },
  { sign: 'fast-leak', level: 'warning' },
  { sign: 'slow-leak', level: 'warning' },
  { sign: 'warning', level: 'warning' },
  { sign: 'suspect', level: 'warning' },
] as const satisfies readonly { sign: string; level: AlarmLevel }[];
export type Sign = (typeof RAISES)[number]['sign'];

/** How many looks it takes: those that saw a sign, less those that did not. */
export type WatchPace = Readonly<
  Record<Sign, number> & {
    /** Calm looks in a row after which trouble that comes back is new. */
    calm: number;
    /** Calm looks in a row after which an incident is closed. */
    closed: number;
  }
>;

const Runs = z.object({
  critical: z.number(),
  leak: z.number(),
  'fast-leak': z.number().default(0),
  'slow-leak': z.number(),
  warning: z.number(),
  suspect: z.number(),
  calm: z.number(),
});
type Runs = z.infer<typeof Runs>;

const NO_RUNS: Runs = { critical: 0, leak: 0, 'fast-leak': 0, 'slow-leak': 0, warning: 0, suspect: 0, calm: 0 };

/** What is remembered of a service between two looks; stored, so that any replica may do the next one. */
export const WatchState = z.object({
  schema: z.literal(1),
  /** Epoch milliseconds: the moment that the last counted look stands for. */
  atMs: z.number(),
  /** Looks that saw it less those that did not, up to the pace's own number; `calm`: in a row. */
  runs: Runs,
  /** The release that the runs are of; null: not known. */
  release: z.string().nullable().default(null),
  /** What was told of the trouble that goes on, and the release that had it; null: nothing. */
  told: z.object({ level: z.enum(['warning', 'critical']), release: z.string().nullable() }).nullable(),
  /** Calm long enough since `told`: the next trouble is another one. */
  wasCalm: z.boolean(),
});
export type WatchState = z.infer<typeof WatchState>;

/** `signs`: all that were seen; none: healthy, or filling what a healthy release fills too; null: it could not be told. */
export type WatchLook = { atMs: number; signs: readonly Sign[] | null; release: string | null };

/**
 * The service's open incident, whoever opened it. `verdict`: its report's; null while it is being triaged.
 * `hasThread`: people hear of it where the service's threads are. `stillFires`: an alert of it is not resolved.
 */
export type OpenIncident = { verdict: Verdict | null; hasThread: boolean; stillFires?: boolean };

/** `look-again`: the open incident is triaged anew, in its own thread. */
export type WatchAction =
  | { kind: 'none' }
  | { kind: 'open'; level: AlarmLevel }
  | { kind: 'look-again'; level: AlarmLevel }
  | { kind: 'close' };

/**
 * The next state and what is to be done, from one more look.
 *
 * Tells when a run of looks is full and this trouble was not told yet, or only as a warning; trouble is another one
 * after calm looks, unless an incident is still open and the same release runs. One incident, one thread: an open one is
 * looked into again, otherwise a new one opens. Closes after `pace.closed` calm looks in a row, unless an alert of it fires. A look that could not
 * tell neither counts nor interrupts; one that did not see a sign takes back one that did, since growth at the edge of
 * what can be told comes and goes (a slow leak under wander). What one release showed does not count against the next; a
 * release that can't be told is no other one.
 */
export function advance(
  before: WatchState | null,
  seen: WatchLook,
  open: OpenIncident | null,
  pace: WatchPace,
): { next: WatchState; action: WatchAction } {
  const look = { ...seen, release: seen.release ?? before?.release ?? null };
  const isAnotherRelease = before !== null && before.release !== null && before.release !== look.release;
  const runs = countRuns(isAnotherRelease ? { ...NO_RUNS, calm: before.runs.calm } : before?.runs, look.signs, pace);
  const told = before?.told ?? null;
  const wasCalm = told !== null && ((before?.wasCalm ?? false) || runs.calm >= pace.calm);
  const next: WatchState = { schema: 1, atMs: look.atMs, runs, release: look.release, told, wasCalm };

  const level = levelOf(runs, look.signs, pace);
  if (level !== null) return raise(next, level, look, open?.hasThread === true ? open : null);
  if (runs.calm < pace.closed) return { next, action: NONE };
  const isReported = open !== null && open.verdict !== null && open.stillFires !== true;
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

function countRuns(before: Runs = NO_RUNS, signs: WatchLook['signs'], pace: WatchPace): Runs {
  if (signs === null) return before;
  const runs = { ...NO_RUNS, calm: signs.length === 0 ? before.calm + 1 : 0 };
  for (const { sign } of RAISES) {
    runs[sign] = signs.includes(sign) ? Math.min(pace[sign], before[sign] + 1) : Math.max(0, before[sign] - 1);
  }
  return runs;
}

/** The worst level whose run is full, of the signs that are still seen. A fast leak that burns for long is told as such. */
function levelOf(runs: Runs, signs: WatchLook['signs'], pace: WatchPace): AlarmLevel | null {
  if (signs === null) return null;
  const full = RAISES.find(({ sign }) => signs.includes(sign) && runs[sign] >= pace[sign]);
  if (full?.sign === 'fast-leak' && signs.includes('leak')) return 'critical';
  return full?.level ?? null;
}

/** What people know of the present trouble: from us, or from the report of an incident that is still open. */
function toldOfThis({ told, wasCalm }: WatchState, look: WatchLook, open: OpenIncident | null): AlarmLevel | null {
  const isAnother = wasCalm && (open === null || told?.release !== look.release);
  if (isAnother) return null;
  const { verdict = null } = open ?? {};
  if (told?.level === 'critical' || verdict === 'critical') return 'critical';
  return told !== null || verdict === 'warning' ? 'warning' : null;
}
