/** Sizes, durations and ratios: how people write them in memtriage.yaml and how reports print them. */

const KIB = 1024;
const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: KIB, MiB: KIB ** 2, GiB: KIB ** 3, TiB: KIB ** 4 };
const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** `512MiB` -> bytes; `null` when it is not a size. */
export function parseSize(text: string): number | null {
  return parseWithUnit(text, SIZE_UNITS);
}

/** `15s`, `1h`, `500ms` -> seconds; `null` when it is not a duration. */
export function parseDuration(text: string): number | null {
  return parseWithUnit(text, DURATION_UNITS);
}

/** `15%` -> 0.15; `null` when it is not a ratio. */
export function parseRatio(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text.trim());
  return match?.[1] === undefined ? null : Number(match[1]) / 100;
}

function parseWithUnit(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^(\d+(?:\.\d+)?)([a-zA-Z]+)$/.exec(text.trim());
  const unit = match?.[2] === undefined ? undefined : units[match[2]];
  return match?.[1] === undefined || unit === undefined ? null : Number(match[1]) * unit;
}

/** 2_576_980_378 -> `2.40 GiB`. Three significant figures, binary units. */
export function formatBytes(bytes: number): string {
  // What rounds to nothing has no sign.
  const sign = bytes <= -0.5 ? '-' : '';
  let value = Math.abs(bytes);
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 999.5) return `${sign}${unit === 'B' ? Math.round(value) : significant(value)} ${unit}`;
    value /= KIB;
  }
  return `${sign}${significant(value)} TiB`;
}

/** +164 MiB/h. */
export function formatRate(bytesPerHour: number): string {
  return `${bytesPerHour > -0.5 ? '+' : ''}${formatBytes(bytesPerHour)}/h`;
}

/** 13_500 -> `3 h 45 min`. Two units at most; below a minute, seconds. */
export function formatDuration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  if (total < 1 && seconds > 0) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (total < 60) return `${total} s`;
  const minutes = Math.round(total / 60);
  if (total < 600) return total % 60 === 0 ? `${total / 60} min` : `${Math.floor(total / 60)} min ${total % 60} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** From here on a straight line says nothing: the end of what a time to a limit is told to. Seconds. */
const YEAR_SECONDS = 365 * 86_400;

/** A time until something happens if all goes on as now: 13_500 -> `3 h 45 min`, a year or more -> `more than a year`. */
export function formatTimeLeft(seconds: number): string {
  return seconds < YEAR_SECONDS ? formatDuration(seconds) : 'more than a year';
}

/** 0.42 -> `+42 %`. */
export function formatRatio(ratio: number): string {
  const percent = ratio * 100;
  const digits = Math.abs(percent) < 10 ? 1 : 0;
  return `${percent >= 0 ? '+' : ''}${percent.toFixed(digits)} %`;
}

function significant(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
