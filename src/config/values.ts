/** How single values of memtriage.yaml are written and read. Each schema's error message is what was expected. */
import { z } from 'zod';
import { parseDuration, parseRatio, parseSize } from '../units.ts';

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** A string that `read` understands (null: it does not). */
function written<T>(expected: string, read: (text: string) => T | null) {
  return z.string({ error: expected }).transform((text, context): T => {
    const value = read(text.trim());
    if (value !== null) return value;
    context.issues.push({ code: 'custom', message: expected, input: text });
    return z.NEVER;
  });
}

function matching(expected: string, pattern: RegExp) {
  return written(expected, (text) => (pattern.test(text) ? text : null));
}

function within(low: number, high: number, value: number | null): number | null {
  return value !== null && value >= low && value <= high ? value : null;
}

/** Bytes; at least 1 MiB, below which nothing that runs Python can be. */
export const Size = written('a size such as 512MiB or 2GiB', (text) => within(1_048_576, 2 ** 50, parseSize(text)));

/** Seconds, from `low` to `high`; the expected text names the range when it is not the usual one. */
export function duration(example: string, low = 0.001, high = 366 * 86_400) {
  return written(example, (text) => within(low, high, parseDuration(text)));
}

export const Duration = duration('a duration above zero such as 15s, 30m, 6h or 1d');
export const DurationOrZero = duration('a duration such as 15s, 30m, 6h or 1d', 0);
export const Ratio = written('a ratio such as 15%', (text) => within(0, 100, parseRatio(text)));

export const Text = written('some text', (text) => (text === '' ? null : text));
export const PromQl = written('a PromQL query', (text) => (text === '' ? null : text));
export const Path = written('a path', (text) => (text === '' || text.includes('\0') ? null : text));
export const Flag = z.boolean({ error: 'true or false' });

/** Of services, sites, teams and runbooks: they become parts of keys, labels and file names. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
export const Name = matching('a name of letters, digits, ".", "_" or "-", at most 63 long', NAME);

/** kubectl takes one pod of a workload. Never an option: a word of a program's arguments. */
export const PodName = matching(
  'a pod, or a workload such as deploy/checkout',
  /^(?:[a-z]{1,20}\/)?[a-z0-9][a-z0-9.-]{0,252}$/,
);
export const ContextName = matching('a context of kubectl', /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,252}$/);

export const ChannelId = matching(
  'a channel id such as C0ONCALL (Slack shows it at the end of the channel details)',
  /^[CGD][A-Z0-9]{2,}$/,
);
export const UserId = matching('a Slack user id such as U0ALICE', /^[UW][A-Z0-9]{2,}$/);
export const GroupId = matching('a Slack user group id such as S0PAYONCALL', /^S[A-Z0-9]{2,}$/);
export const ApproverId = matching(
  'a Slack user id such as U0ALICE or a user group id such as S0LEADS',
  /^[UWS][A-Z0-9]{2,}$/,
);

/** No user part: a password would be a secret in a file. */
export const HttpUrl = written('a URL such as http://127.0.0.1:9090, without user and password', (text) => {
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : null;
  return url !== null && url.username === '' && url.password === '' ? text.replace(/\/+$/, '') : null;
});

export const TimeZone = written('an IANA time zone such as America/Los_Angeles', (text) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone === '' ? null : text;
  } catch {
    return null;
  }
});

/** A real day of the calendar. */
export const Day = written('a day such as 2026-11-27', (text) => {
  const midnight = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== text ? null : text;
});

/** `Mon 09:00` -> ISO weekday and minute of the day. */
export const WeeklyMoment = written('a weekday and a time such as Mon 09:00', (text) => {
  const [day, time, ...rest] = text.split(/\s+/);
  const weekday = weekdayOf(day);
  const minute = minuteOf(time);
  return weekday === null || minute === null || minute === 1440 || rest.length > 0 ? null : { weekday, minute };
});

/** `Mon-Fri 09:00-18:00`, `Mon,Wed 08:00-12:00`. */
export const Hours = written('hours such as Mon-Fri 09:00-18:00', (text) => {
  const [days, times, ...rest] = text.split(/\s+/);
  const [from, to, ...more] = (times ?? '').split('-').map(minuteOf);
  const weekdays = weekdaysOf(days ?? '');
  if (weekdays === null || from === null || from === undefined || to === null || to === undefined) return null;
  return rest.length > 0 || more.length > 0 || from >= to ? null : { weekdays, fromMinute: from, toMinute: to };
});

/** `Fri 16:00-Mon 08:00` every week, or `2026-12-20/2027-01-02` with both days. */
export const Freeze = written('a window such as Fri 16:00-Mon 08:00 or 2026-12-20/2027-01-02', (text) => {
  const [from, to, ...rest] = text.split('/');
  if (to !== undefined) {
    const days = [from, to].map((day) => Day.safeParse(day).data);
    const [first, last] = days;
    if (first === undefined || last === undefined || rest.length > 0 || first > last) return null;
    return { kind: 'days' as const, from: first, to: last, written: text };
  }
  const [fromMinute, toMinute, ...more] = text.split('-').map((moment) => minuteOfWeek(moment));
  if (fromMinute == null || toMinute == null || more.length > 0 || fromMinute === toMinute) return null;
  return { kind: 'weekly' as const, fromMinute, toMinute, written: text };
});

function minuteOfWeek(text: string): number | null {
  const moment = WeeklyMoment.safeParse(text).data;
  return moment === undefined ? null : (moment.weekday - 1) * 1440 + moment.minute;
}

function weekdaysOf(text: string): number[] | null {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [first, last, ...rest] = part.split('-');
    const from = weekdayOf(first);
    const to = last === undefined ? from : weekdayOf(last);
    if (from === null || to === null || rest.length > 0) return null;
    // `Sat-Mon` goes round the week's end.
    for (let day = from; found.add(day) && day !== to; day = (day % 7) + 1);
  }
  return [...found].sort((a, b) => a - b);
}

function weekdayOf(text: string | undefined): number | null {
  const index = WEEKDAYS.findIndex((day) => day.toLowerCase() === text?.toLowerCase());
  return index < 0 ? null : index + 1;
}

function minuteOf(text: string | undefined): number | null {
  const match = /^(\d{1,2}):(\d{2})$/.exec(text ?? '');
  const minute = match === null ? Number.NaN : Number(match[1]) * 60 + Number(match[2]);
  return Number(match?.[2]) < 60 && minute <= 1440 ? minute : null;
}
