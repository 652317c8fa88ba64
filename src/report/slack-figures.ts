/** The figures of a report in words: plain text, one phrase each, with unit, window and age. Not yet escaped. */
import { formatBytes, formatDuration, formatRate, formatTimeLeft } from '../units.ts';
import type { Report } from './report.ts';

/** `RSS 2.40 GiB`. */
export function rssPhrase({ rss }: Report): string {
  return rss.bytes === null ? 'RSS not measured' : `RSS ${formatBytes(rss.bytes)}`;
}

/** From here on a multiple and the figures beside it would not seem to belong together. */
const AGE_MATTERS = 0.2;

/** `3.0× baseline (820 MiB, v811, 6 d old)`. */
export function baselinePhrase({ rss, baseline, generatedAt }: Report): string {
  if (baseline === null) return rss.bytes === null ? 'not compared with a baseline' : 'no healthy baseline yet';
  const ageSeconds = (Date.parse(generatedAt) - Date.parse(baseline.recordedAt)) / 1000;
  const age = Number.isFinite(ageSeconds) ? `${formatDuration(ageSeconds)} old` : null;
  const details = [formatBytes(baseline.bytes), baseline.release, age].filter((detail) => detail !== null);
  const times = baselineMultiple(rss.bytes, baseline);
  const multiple = times === null ? '' : `${times.toFixed(times < 9.95 ? 1 : 0)}× `;
  // The multiple is of what the healthy release held when it was as old; the figure beside it is of one that is warm.
  const warm = rss.bytes === null || baseline.bytes <= 0 ? null : rss.bytes / baseline.bytes;
  const isOther = times !== null && warm !== null && Math.abs(warm - times) > AGE_MATTERS * Math.max(warm, times);
  return `${multiple}baseline${isOther ? ' at this age' : ''} (${details.join(', ')})`;
}

/** `+164 MiB/h (95 %: +150 to +178 MiB/h, over 6 h)`. */
export function growthPhrase({ growth }: Report): string {
  if (growth === null) return 'growth not measured';
  const [low = '', lowUnit] = formatRate(growth.low).split(' ');
  const [high = '', highUnit] = formatRate(growth.high).split(' ');
  const interval = `${low}${lowUnit === highUnit ? '' : ` ${lowUnit}`} to ${high} ${highUnit}`;
  return `${formatRate(growth.bytesPerHour)} (95 %: ${interval}, over ${formatDuration(growth.windowSeconds)})`;
}

/** `about 3 h 45 min to the limit of 3.00 GiB (3 h to 4 h 30 min)`. */
export function limitPhrase({ rss, timeToLimitSeconds: left }: Report): string {
  if (rss.limitBytes === null) return 'limit not known';
  const limit = `the limit of ${formatBytes(rss.limitBytes)}`;
  const isPassed = rss.bytes !== null && rss.bytes >= rss.limitBytes;
  if (isPassed || left === null || !Number.isFinite(left.estimate)) return limitShare(rss.bytes, rss.limitBytes, limit);
  const range = `${formatTimeLeft(left.low)} to ${formatTimeLeft(left.high)}`;
  return `about ${formatTimeLeft(left.estimate)} to ${limit} (${range})`;
}

/** `2 OOM kills in 1 h`, or null when there is nothing to say. */
export function oomPhrase({ oomKills }: Report): string | null {
  if (oomKills === null || oomKills.count === 0) return null;
  return `${oomKills.count} OOM kill${oomKills.count === 1 ? '' : 's'} in ${formatDuration(oomKills.windowSeconds)}`;
}

/** `data 40 s old, from prometheus`. */
export function dataPhrase({ data }: Report): string {
  const age = data.ageSeconds === null ? 'age of data not known' : `data ${formatDuration(data.ageSeconds)} old`;
  return `${age}, from ${data.source}`;
}

/**
 * What grew inside, and the line that fills it: `app.retries.QUEUE (list): 12300 entries more in 10 s, 87 % of the
 * growth, filled at app/retries.py:9`; null when no named container grew but those that are bounded.
 */
export function culpritPhrase({ snapshot }: Pick<Report, 'snapshot'>): string | null {
  const worst = snapshot?.containers?.find(({ lengthDiff, maxLength }) => (lengthDiff ?? 0) > 0 && maxLength === null);
  if (snapshot === null || worst === undefined) return null;
  const share = worst.explainsRatio === null ? '' : `, ${percent(worst.explainsRatio)} of the growth`;
  const site = snapshot.sites?.find(({ container }) => container === worst.path);
  const line = site === undefined ? '' : `, filled at ${site.file}:${site.line}`;
  return `${worst.path} (${worst.type}): ${worst.lengthDiff} entries more in ${formatDuration(snapshot.windowSeconds)}${share}${line}`;
}

/** `87 %`. */
export function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

function baselineMultiple(bytes: number | null, baseline: NonNullable<Report['baseline']>): number | null {
  if (baseline.deltaRatio !== null) return 1 + baseline.deltaRatio;
  return bytes === null || baseline.bytes <= 0 ? null : bytes / baseline.bytes;
}

function limitShare(bytes: number | null, limitBytes: number, limit: string): string {
  return bytes === null || limitBytes <= 0 ? limit : `${percent(bytes / limitBytes)} of ${limit}`;
}
