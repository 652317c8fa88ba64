import type { GrowthFit } from './growth.ts';
import { quantileOfSorted, sorted } from './quantiles.ts';
import type { Interval } from './series.ts';

/** Beyond a year a straight line says nothing; also the end of an interval whose slow side does not grow. */
const FURTHEST_SECONDS = 365 * 86_400;
/** The recent past that tells the present level and how far peaks rise above it: the last quarter in 12 bins. */
const RECENT_SHARE = 0.25;
const RECENT_BINS = 12;

/**
 * (limit - envelope at `now` - peak) / rate. A pod dies of its peaks: the estimate takes the 95 % quantile of the
 * recent bins' peaks over the envelope, the early end their maximum with the fastest rate, the late end their
 * median with the slowest. Seconds from `now`; null when memory does not grow.
 */
export function timeToLimit(fit: GrowthFit, limitBytes: number, now: number): Interval | null {
  const { estimate, low, high } = fit.bytesPerHour;
  if (!(estimate > 0)) return null;
  const { level, peaks } = presentEnvelope(fit, now);
  const wait = (peak: number, bytesPerHour: number) =>
    bytesPerHour <= 0
      ? FURTHEST_SECONDS
      : Math.min(FURTHEST_SECONDS, Math.max(0, ((limitBytes - level - peak) / bytesPerHour) * 3600));
  return {
    estimate: wait(quantileOfSorted(peaks, 0.95), estimate),
    low: wait(quantileOfSorted(peaks, 1), high),
    high: wait(quantileOfSorted(peaks, 0.5), low),
  };
}

/** The running life's envelope brought forward to `now` at the present rate, and the peaks above it, ascending. */
function presentEnvelope(fit: GrowthFit, now: number): { level: number; peaks: Float64Array } {
  const samples = fit.lives.at(-1)?.samples ?? [];
  const last = samples.at(-1)?.[0] ?? now;
  const from = last - RECENT_SHARE * (last - (samples[0]?.[0] ?? last));
  const width = (last - from) / RECENT_BINS || 1;
  const bytesPerSecond = fit.bytesPerHour.estimate / 3600;
  const bins: number[][] = Array.from({ length: RECENT_BINS }, () => []);
  for (const [seconds, bytes] of samples) {
    if (seconds < from) continue;
    const bin = bins[Math.min(RECENT_BINS - 1, Math.floor((seconds - from) / width))];
    bin?.push(bytes + bytesPerSecond * (now - seconds));
  }
  const filled = bins.filter((bin) => bin.length > 0).map(sorted);
  const lows = sorted(filled.map((bin) => quantileOfSorted(bin, 0.1)));
  const level = quantileOfSorted(lows, 0.5);
  return { level, peaks: sorted(filled.map((bin) => Math.max(0, quantileOfSorted(bin, 1) - level))) };
}
