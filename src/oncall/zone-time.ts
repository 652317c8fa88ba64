/** Days and wall-clock times of a time zone. Days are written `2026-11-27`; moments are epoch milliseconds. */
import { DateTime } from 'luxon';

export const DAY_MS = 86_400_000;

/** The calendar day that it is in the zone. */
export function localDay(atMs: number, zone: string): string {
  return DateTime.fromMillis(atMs, { zone }).toFormat('yyyy-MM-dd');
}

/**
 * The moment at which clocks in the zone show that minute of the day (0 to 1440). A time that is skipped in spring is
 * the moment after the jump; one that comes twice in autumn is always the same one of both.
 */
export function momentOf(day: string, minute: number, zone: string): number {
  // Midnight after a day is the next one's: some days begin at 01:00, and a day after that is not midnight.
  if (minute >= 1440) return momentOf(addDays(day, 1), minute - 1440, zone);
  const [year, month, date] = day.split('-').map(Number);
  const at = {
    year: year ?? 1970,
    month: month ?? 1,
    day: date ?? 1,
    hour: Math.floor(minute / 60),
    minute: minute % 60,
  };
  return DateTime.fromObject(at, { zone }).toMillis();
}

/** The calendar day that many days later (or earlier), whatever clocks do. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Monday 1 to Sunday 7. */
export function weekdayOf(day: string): number {
  return new Date(`${day}T00:00:00Z`).getUTCDay() || 7;
}

/** Six days and less: the weekday alone is clear. */
const NEAR_MS = 6 * DAY_MS;

/** `Sun 02:10`; from a week away on with the date: `Sun 29 Nov 02:10`. */
export function shortTime(atMs: number, nowMs: number, zone: string): string {
  return format(atMs, zone, Math.abs(atMs - nowMs) < NEAR_MS);
}

/** `Sun 02:10-04:30`, `Sun 22:00-Mon 03:00`, both ends with or both without the date. */
export function shortSpan(fromMs: number, toMs: number, nowMs: number, zone: string): string {
  const isNear = Math.max(Math.abs(fromMs - nowMs), Math.abs(toMs - nowMs)) < NEAR_MS;
  const to = format(toMs, zone, isNear);
  const isSameDay = localDay(fromMs, zone) === localDay(toMs, zone);
  return `${format(fromMs, zone, isNear)}-${isSameDay ? to.slice(-5) : to}`;
}

function format(atMs: number, zone: string, isNear: boolean): string {
  return DateTime.fromMillis(atMs, { zone, locale: 'en-GB' }).toFormat(isNear ? 'ccc HH:mm' : 'ccc d LLL HH:mm');
}

/** A wall clock, written as if it were UTC, as the moment at which the zone's clocks show it. */
export function naiveToMs(naiveMs: number, zone: string): number {
  return DateTime.fromMillis(naiveMs, { zone: 'utc' }).setZone(zone, { keepLocalTime: true }).toMillis();
}

/** What clocks in the zone show at that moment. */
export function wallClockOf(atMs: number, zone: string) {
  const { year, month, day, hour, minute, second } = DateTime.fromMillis(atMs, { zone });
  return { year, month, day, hour, minute, second };
}
