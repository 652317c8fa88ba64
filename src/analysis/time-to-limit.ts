import { DAY_SECONDS, isDaily } from './daily.ts';
import type { GrowthFit } from './growth.ts';
import { mean, median, quantileOfSorted, sorted } from './quantiles.ts';
import type { Interval, Sample } from './series.ts';
import { type Traffic, trafficAt } from './traffic.ts';

/** Beyond a year a straight line says nothing; also the end of an interval whose slow side does not grow. */
const FURTHEST_SECONDS = 365 * DAY_SECONDS;
/** The recent past that tells how far peaks rise above the trend: the last half of the running life, in 24 bins. */
const RECENT_SHARE = 0.5;
const RECENT_BINS = 24;
/**
 * The late end starts from a peak that nine of ten recent bins exceed: in a pause of bursts or a quiet phase the process
 * lives on, whatever its usual peaks are.
 */
const LOW_PEAKS = 0.1;
/** The samples that tell the present load. */
const PRESENT_SHARE = 0.1;
/** Two days are never quite alike: the interval of a daily replay allows for this share of the level. */
const DAYS_DIFFER = 0.01;

/**
 * Time until RSS first reaches the limit: (limit - peak) / rate. A pod dies of a peak, not of its envelope: the peak
 * is the quantile 1 - 1/(N+1) of the recent bins' maxima, brought forward to `now`, where N bins are left to live
 * (the largest of N draws). The early end takes the highest with the fastest rate, at the load of now where that
 * rose; the late end a low one with the slowest rate. Services that follow the clock repeat their last day, raised by the rate. Seconds from `now`; null when
 * memory does not grow, or when even the early end is beyond a year.
 */
export function timeToLimit(fit: GrowthFit, given: Given): Interval | null {
  const found = untilLimit(fit, given);
  return found === null || found.low >= FURTHEST_SECONDS ? null : found;
}

type Given = { limitBytes: number; now: number; onsetAt: number | null; traffic: Traffic | null };

function untilLimit(fit: GrowthFit, { limitBytes, now, onsetAt, traffic }: Given): Interval | null {
  const { estimate, low, high } = fit.bytesPerHour;
  const running = fit.lives.at(-1);
  if (!(estimate > 0) || running === undefined || running.samples.length === 0) return null;
  if (isDaily(running)) {
    const margin = DAYS_DIFFER * fit.levelBytes;
    return {
      estimate: replayDays(running.samples, estimate, limitBytes, now),
      low: replayDays(running.samples, high, limitBytes - margin, now),
      high: replayDays(running.samples, low, limitBytes + margin, now),
    };
  }
  const wait = (peak: number, bytesPerHour: number) =>
    bytesPerHour <= 0 ? FURTHEST_SECONDS : clamp(((limitBytes - peak) / bytesPerHour) * 3600);
  const { peaks, widthSeconds } = recentPeaks(running.samples, fit, onsetAt, now);
  let expected = wait(quantileOfSorted(peaks, 0.5), estimate);
  for (let round = 0; round < 2; round += 1) {
    const left = expected / widthSeconds;
    expected = wait(quantileOfSorted(peaks, Math.max(0.5, 1 - 1 / (left + 1))), estimate);
  }
  return {
    estimate: expected,
    low: wait(quantileOfSorted(peaks, 1), high * loadRise(running.samples, traffic)),
    high: wait(quantileOfSorted(peaks, LOW_PEAKS), low),
  };
}

/** Present load over that of the samples, at least 1: a leak by requests grows as much faster as the load has risen. */
function loadRise(samples: readonly Sample[], traffic: Traffic | null): number {
  if (traffic === null) return 1;
  const rates = samples.map(([seconds]) => trafficAt(traffic, seconds));
  const present = median(rates.slice(-Math.ceil(PRESENT_SHARE * rates.length)));
  const usual = mean(rates);
  return usual > 0 ? Math.max(1, present / usual) : 1;
}

function clamp(seconds: number): number {
  return Math.min(FURTHEST_SECONDS, Math.max(0, seconds));
}

/** Maxima of the recent bins since growth began, raised to what they would be at `now`; ascending. */
function recentPeaks(
  samples: readonly Sample[],
  fit: GrowthFit,
  onsetAt: number | null,
  now: number,
): { peaks: Float64Array; widthSeconds: number } {
  const last = samples.at(-1)?.[0] ?? now;
  const recent = last - RECENT_SHARE * (last - (samples[0]?.[0] ?? last));
  const quarter = last - (last - recent) / 2;
  const from = Math.min(quarter, Math.max(recent, onsetAt ?? recent));
  const widthSeconds = (last - from) / RECENT_BINS || 1;
  const bytesPerSecond = fit.bytesPerHour.estimate / 3600;
  const peaks = new Map<number, number>();
  for (const [seconds, bytes] of samples) {
    if (seconds < from) continue;
    const bin = Math.min(RECENT_BINS - 1, Math.floor((seconds - from) / widthSeconds));
    peaks.set(bin, Math.max(peaks.get(bin) ?? 0, bytes + bytesPerSecond * (now - seconds)));
  }
  return { peaks: sorted(peaks.values()), widthSeconds };
}

/** The last day again and again, each time higher by a day's growth, until it reaches the limit. */
function replayDays(samples: readonly Sample[], bytesPerHour: number, limitBytes: number, now: number): number {
  if (bytesPerHour <= 0) return FURTHEST_SECONDS;
  const day = samples.filter(([seconds]) => seconds > now - DAY_SECONDS);
  for (let round = 1; round * DAY_SECONDS < FURTHEST_SECONDS; round += 1) {
    const raised = round * 24 * bytesPerHour;
    const reached = day.find(([, bytes]) => bytes + raised >= limitBytes);
    if (reached !== undefined) return clamp(reached[0] + round * DAY_SECONDS - now);
  }
  return FURTHEST_SECONDS;
}
