/** The time to the limit laid over a team's week: whether somebody will be at their desk before memory runs out. */
import { formatDuration } from '../units.ts';
import type { WorkHours } from './work-hours.ts';
import { DAY_MS, shortSpan, shortTime } from './zone-time.ts';

/**
 * What a page needs until memory has room again: three levels of the default escalation (20 min), two approvals
 * (15 min), a rollback and its first proof (30 min), and a margin. Seconds.
 */
export const LEAD_SECONDS = 5400;

/** A look and its triage take some minutes, on a busy day. Seconds. */
const LOOK_SECONDS = 900;
/** A limit that is further away than this is looked at again later. */
const MORNINGS_MS = 4 * DAY_MS;

export type OomClock = {
  /** When the limit is reached: earliest and latest; null: perhaps never. Epoch milliseconds. */
  fromMs: number;
  toMs: number | null;
  isStaffed: boolean;
  /** When the team is next at work: at present, the end of the break that comes; null: not within a year. */
  nextStaffedMs: number | null;
  /** The end of the present working hours; null: nobody is at work. */
  closesMs: number | null;
  /**
   * `now`: the limit may be reached before anybody comes to work (again).
   * `before-close`: while somebody is at work it holds, but perhaps not through the break that follows.
   */
  decide: 'now' | 'before-close' | 'can-wait';
};

export type TimeToLimit = { low: number; high: number };

/** `timeToLimit`: seconds from `measuredMs` on, 95 % interval; `high` may be infinite. */
export function readOomClock(
  timeToLimit: TimeToLimit,
  { measuredMs, nowMs, hours }: { measuredMs: number; nowMs: number; hours: WorkHours },
): OomClock {
  const fromMs = measuredMs + timeToLimit.low * 1000;
  const toMs = Number.isFinite(timeToLimit.high) ? measuredMs + timeToLimit.high * 1000 : null;
  const state = hours.at(nowMs);
  const closesMs = state.kind === 'open' ? state.closesMs : null;
  const nextStaffedMs = hours.nextOpen(closesMs ?? nowMs);
  // Who comes to work needs time to act as well.
  const safeFromMs = nextStaffedMs === null ? Number.POSITIVE_INFINITY : nextStaffedMs + LEAD_SECONDS * 1000;
  const isTooLate = fromMs < safeFromMs;
  const endsToday = closesMs === null || fromMs < closesMs;
  const decide = isTooLate ? (endsToday ? 'now' : 'before-close') : 'can-wait';
  return { fromMs, toMs, isStaffed: closesMs !== null, nextStaffedMs, closesMs, decide };
}

/** `OOM Sun 02:10-04:30; next staffed hour Mon 09:00; decide now`. Plain text, in the team's zone. */
export function oomClockPhrase(clock: OomClock, nowMs: number, zone: string): string {
  const { fromMs, toMs, nextStaffedMs } = clock;
  const when =
    toMs === null ? `${shortTime(fromMs, nowMs, zone)} at the earliest` : shortSpan(fromMs, toMs, nowMs, zone);
  const past = fromMs <= nowMs ? 'OOM may come at any moment' : `OOM ${when}`;
  const staffed = nextStaffedMs === null ? 'nobody is at work within a year' : staffedPhrase(clock, nowMs, zone);
  return `${past}; ${staffed}; ${decidePhrase(clock, nowMs, zone)}`;
}

function staffedPhrase({ closesMs, nextStaffedMs }: OomClock, nowMs: number, zone: string): string {
  const next = shortTime(nextStaffedMs ?? nowMs, nowMs, zone);
  if (closesMs === null) return `next staffed hour ${next}`;
  return `staffed until ${shortTime(closesMs, nowMs, zone)} and from ${next} on`;
}

function decidePhrase({ decide, closesMs, nextStaffedMs, fromMs }: OomClock, nowMs: number, zone: string): string {
  switch (decide) {
    case 'now':
      return 'decide now';
    case 'before-close':
      return `decide before ${shortTime(closesMs ?? nowMs, nowMs, zone)}`;
    case 'can-wait':
      return `can wait until ${shortTime(nextStaffedMs ?? fromMs, nowMs, zone)}, ${formatDuration((fromMs - (nextStaffedMs ?? nowMs)) / 1000)} before the limit`;
  }
}

/** The last moment at which one could still act in time, and a look before it that says so. */
export function latestDecisionMs({ fromMs }: OomClock): number {
  return fromMs - (LEAD_SECONDS + LOOK_SECONDS) * 1000;
}

/**
 * When a warning is looked at again, since a forecast moves: what can wait, on the mornings before the limit may be
 * reached; what can't, at the last moment at which one could still act, or when the last one leaves. Null: decide now.
 */
export function lookAgainMs(clock: OomClock, nowMs: number, hours: WorkHours): number | null {
  const { decide, nextStaffedMs, closesMs, fromMs } = clock;
  if (decide === 'can-wait') return hours.nextOpen(Math.max(nextStaffedMs ?? nowMs, fromMs - MORNINGS_MS));
  const latestMs = latestDecisionMs(clock);
  return latestMs > nowMs ? latestMs : closesMs;
}
