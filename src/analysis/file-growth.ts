import { onsetOf } from './onset.ts';
import type { PodFit } from './pods.ts';
import { quantile } from './quantiles.ts';

/**
 * Growth that lies mostly outside anonymous memory is no leak of Python's or of malloc's: pages of mapped files, which the
 * kernel takes back when it needs them, or shared memory, which it does not. RSS alone can't tell the two apart.
 */
const MOSTLY = 0.8;
/** Two in each third at least: one reading of smaps is one moment. */
const FEWEST = 6;

/** The share of the growth since its onset that is not anonymous, 0..1; null: smaps were not read often enough, or RSS did not rise. */
export function fileShareOfGrowth({ series, fit }: PodFit, now: number): number | null {
  if (fit === null) return null;
  const from = onsetOf(fit);
  if (from === null) return null;
  const seen = (series.smaps ?? []).filter(([at]) => at >= from && at <= now);
  if (seen.length < FEWEST) return null;
  const third = Math.floor(seen.length / 3);
  const rise = (of: (one: (typeof seen)[number]) => number) =>
    quantile(seen.slice(-third).map(of), 0.5) - quantile(seen.slice(0, third).map(of), 0.5);
  const rss = rise(([, bytes]) => bytes);
  if (!(rss > 0)) return null;
  return Math.min(1, Math.max(0, 1 - rise(([, , anonymous]) => anonymous) / rss));
}

export function isFileGrowth(pod: PodFit, now: number): boolean {
  const share = fileShareOfGrowth(pod, now);
  return share !== null && share >= MOSTLY;
}
