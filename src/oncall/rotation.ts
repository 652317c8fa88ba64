import type { OnCall } from '../config/config.ts';
import type { Rota, Shift, Span } from './rota.ts';
import { addDays, DAY_MS, momentOf, weekdayOf } from './zone-time.ts';

const WEEK_DAYS = 7;

/**
 * The shifts of a weekly rotation within a span. The hand-off is a wall-clock time: a week in which clocks change has
 * an hour more or less, and both neighbours still share the moment. The first member begins on the day `since`; when
 * that is not the weekday of the hand-off, the first shift is the shorter one. Before it nobody is on call.
 */
export function rotationShifts(
  { members, handoff, since }: Extract<OnCall, { source: 'rotation' }>,
  timezone: string,
  known: Span,
): Rota {
  const lateDays = (handoff.weekday - weekdayOf(since) + WEEK_DAYS) % WEEK_DAYS;
  // The hand-off that the first member's week is counted from: never after the day on which it begins.
  const weekZero = addDays(since, lateDays === 0 ? 0 : lateDays - WEEK_DAYS);
  const handoffOf = (week: number): number => momentOf(addDays(weekZero, week * WEEK_DAYS), handoff.minute, timezone);
  const beginsMs = momentOf(since, handoff.minute, timezone);
  // One week earlier than counted in equal weeks: clocks may have changed in between.
  const weeksAway = (known.fromMs - handoffOf(0)) / (WEEK_DAYS * DAY_MS);
  const shifts: Shift[] = [];
  for (let week = Math.max(0, Math.floor(weeksAway) - 1); handoffOf(week) < known.toMs; week += 1) {
    const fromMs = Math.max(handoffOf(week), beginsMs);
    const toMs = handoffOf(week + 1);
    const userId = members[week % members.length];
    if (userId === undefined || toMs <= known.fromMs || fromMs >= toMs) continue;
    shifts.push({ fromMs, toMs, person: { userId, name: userId, email: null } });
  }
  return { shifts, known, problems: [] };
}
