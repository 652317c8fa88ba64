/** Freeze windows: times at which nothing is rolled back from here, read in the team's zone. Pure. */
import type { FreezeWindow } from '../config/config.ts';

/** The window that is open at that moment, as it was written; null: none. `timezone`: IANA name. */
export function openFreeze(windows: readonly FreezeWindow[], nowMs: number, timezone: string): string | null {
  const { day, weekMinute } = localMoment(nowMs, timezone);
  return windows.find((window) => isOpen(window, day, weekMinute))?.written ?? null;
}

function isOpen(window: FreezeWindow, day: string, weekMinute: number): boolean {
  if (window.kind === 'days') return window.from <= day && day <= window.to;
  const { fromMinute, toMinute } = window;
  // One that goes round the end of the week.
  if (fromMinute > toMinute) return weekMinute >= fromMinute || weekMinute < toMinute;
  return weekMinute >= fromMinute && weekMinute < toMinute;
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** The local day as `2026-11-27`, and the minutes since Monday 00:00. */
function localMoment(nowMs: number, timeZone: string): { day: string; weekMinute: number } {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(nowMs);
  const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? '';
  const weekday = Math.max(0, WEEKDAYS.indexOf(part('weekday')));
  return {
    day: `${part('year')}-${part('month')}-${part('day')}`,
    weekMinute: weekday * 1440 + Number(part('hour')) * 60 + Number(part('minute')),
  };
}
