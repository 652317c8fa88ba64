/** When a team is at work: business hours without weekends and public holidays, read in the team's own zone. */
import type { Team } from '../config/config.ts';
import { addDays, localDay, momentOf, weekdayOf } from './zone-time.ts';

/** Why nobody is at their desk; `open`: somebody is. */
export type WorkState =
  | { kind: 'open'; closesMs: number }
  | { kind: 'evening' }
  | { kind: 'weekend' }
  | { kind: 'holiday'; name: string };

export type WorkHours = {
  timezone: string;
  at(atMs: number): WorkState;
  /** The next moment at or after `atMs` at which the team is at work; null: not within the coming year. */
  nextOpen(atMs: number): number | null;
};

/** Public holidays by day, as the calendar of a country and state names them. */
export type HolidayNames = ReadonlyMap<string, string>;

/** A team that never opens within a year has given up working hours: nobody waits for them. */
const SEARCHED_DAYS = 366;

type Named = Pick<Team, 'timezone' | 'businessHours' | 'holidays'>;

/** `publicHolidays`: those of the team's country and state; its own additions and removals are laid over them here. */
export function createWorkHours({ timezone, businessHours, holidays }: Named, publicHolidays: HolidayNames): WorkHours {
  const names = new Map(publicHolidays);
  for (const day of holidays.add) if (!names.has(day)) names.set(day, 'day off');
  for (const day of holidays.remove) names.delete(day);
  const { weekdays, fromMinute, toMinute } = businessHours;
  const isWorkday = (day: string): boolean => weekdays.includes(weekdayOf(day)) && !names.has(day);
  const opening = (day: string): number => momentOf(day, fromMinute, timezone);
  const closing = (day: string): number => momentOf(day, toMinute, timezone);

  function at(atMs: number): WorkState {
    const day = localDay(atMs, timezone);
    const name = names.get(day);
    if (name !== undefined) return { kind: 'holiday', name };
    if (!weekdays.includes(weekdayOf(day))) return { kind: 'weekend' };
    const closesMs = closing(day);
    return opening(day) <= atMs && atMs < closesMs ? { kind: 'open', closesMs } : { kind: 'evening' };
  }

  return {
    timezone,
    at,
    nextOpen(atMs) {
      if (at(atMs).kind === 'open') return atMs;
      const today = localDay(atMs, timezone);
      for (let ahead = 0; ahead <= SEARCHED_DAYS; ahead += 1) {
        const day = addDays(today, ahead);
        if (isWorkday(day) && opening(day) >= atMs) return opening(day);
      }
      return null;
    },
  };
}

/** Is it the first day of its calendar week (from Monday) on which the team works? */
export function isFirstWorkdayOfWeek(day: string, hours: WorkHours): boolean {
  const isWorkday = (one: string): boolean => {
    const noon = hours.at(momentOf(one, 720, hours.timezone));
    return noon.kind === 'open' || noon.kind === 'evening';
  };
  if (!isWorkday(day)) return false;
  for (let back = 1; back < weekdayOf(day); back += 1) if (isWorkday(addDays(day, -back))) return false;
  return true;
}
