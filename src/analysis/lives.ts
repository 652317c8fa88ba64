import { quantileInPlace } from './quantiles.ts';
import type { PodSeries, Restart, Sample } from './series.ts';
import type { AnalysisSettings } from './settings.ts';

/** One process of a pod, from its start to its end, cleaned; the start-up is left out. */
export type Life = {
  /** Seconds on the case's axis: the process's start, or the first sample where no start is known. */
  startSeconds: number;
  endSeconds: number;
  startReason: string | null;
  endReason: string | null;
  /** Increasing, bytes positive and finite. */
  samples: readonly Sample[];
};

/** A pause of more than this many median steps is a gap. */
const GAP_STEPS = 4;
/** A restart nobody recorded: a gap with a fall of more than this, down to what a fresh process holds. */
const UNSEEN_RESTART_FALL = 0.25;
const FRESH_LEVEL_MARGIN = 1.2;

/** A process counts as seen from its start when not more than this share of its life went by before the first sample. */
const UNSEEN_SHARE = 0.1;

/**
 * Since when a life was seen, case seconds: its start where the samples begin soon after (the start-up is left out of
 * them), else the first sample. What a process did before anybody looked can't be told from how it goes on.
 */
export function seenSince({ startSeconds, samples }: Life): number {
  const first = samples[0]?.[0] ?? startSeconds;
  const last = samples.at(-1)?.[0] ?? first;
  return first - startSeconds <= UNSEEN_SHARE * (last - startSeconds) ? startSeconds : first;
}

/** Usable samples in increasing time: finite, positive, not after `now`, the last of equal times. */
export function cleanSamples(samples: readonly Sample[], now: number): readonly Sample[] {
  if (isClean(samples, now)) return samples;
  const usable = samples.filter((sample) => isUsable(sample, now)).sort((a, b) => a[0] - b[0]);
  return usable.filter((sample, i) => usable[i + 1]?.[0] !== sample[0]);
}

function isUsable([seconds, bytes]: Sample, now: number): boolean {
  return Number.isFinite(seconds) && Number.isFinite(bytes) && bytes > 0 && !(seconds > now);
}

/** The usual case, without a copy. */
function isClean(samples: readonly Sample[], now: number): boolean {
  let before = Number.NEGATIVE_INFINITY;
  for (const sample of samples) {
    if (!(sample[0] > before) || !isUsable(sample, now)) return false;
    before = sample[0];
  }
  return true;
}

/** RSS of each sample. */
export function bytesOf(samples: readonly Sample[]): Float64Array {
  const bytes = new Float64Array(samples.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = samples[i]?.[1] ?? 0;
  return bytes;
}

/** Median distance of neighbouring samples in seconds; NaN of fewer than two. */
export function medianStep(samples: readonly Sample[]): number {
  const steps = new Float64Array(Math.max(0, samples.length - 1));
  for (let i = 0; i < steps.length; i += 1) steps[i] = (samples[i + 1]?.[0] ?? 0) - (samples[i]?.[0] ?? 0);
  return quantileInPlace(steps, 0.5);
}

/**
 * Cuts a pod's series into lives at its restarts, at `cuts` (the deploy, where no restart tells of it) and at
 * restarts that only a gap with a fall betrays. A life without samples is left out.
 */
export function toLives(pod: PodSeries, now: number, cuts: readonly number[], settings: AnalysisSettings): Life[] {
  const samples = cleanSamples(pod.samples, now);
  if (samples.length === 0) return [];
  const step = medianStep(samples);
  const known = withCuts(pod.restarts, cuts, step);
  const restarts = [...known, ...unseenRestarts(samples, known, step)].sort((a, b) => a[0] - b[0]);
  const lives: Life[] = [];
  let from = 0;
  for (let i = 0; i <= restarts.length; i += 1) {
    const until = restarts[i]?.[0] ?? Number.POSITIVE_INFINITY;
    const to = until === Number.POSITIVE_INFINITY ? samples.length : firstFrom(samples, until);
    const life = toLife(samples.slice(from, to), restarts[i - 1] ?? null, restarts[i] ?? null, settings);
    if (life !== null) lives.push(life);
    from = to;
  }
  return lives;
}

/** Index of the first sample at or after `seconds`; of increasing times. */
export function firstFrom(samples: readonly Sample[], seconds: number): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((samples[middle]?.[0] ?? 0) < seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

function withCuts(restarts: readonly Restart[], cuts: readonly number[], step: number): Restart[] {
  const known = restarts.filter(([seconds]) => Number.isFinite(seconds));
  // A rolling deploy reaches a pod minutes after it began: the pod's own restart is the better cut.
  const near = (cut: number) => known.some(([seconds]) => seconds >= cut - 2 * step && seconds <= cut + 3600);
  return [...known, ...cuts.filter((cut) => !near(cut)).map((cut): Restart => [cut, 'deploy'])];
}

function unseenRestarts(samples: readonly Sample[], known: readonly Restart[], step: number): Restart[] {
  const found: Restart[] = [];
  const fresh = quantileInPlace(bytesOf(samples.slice(0, 5)), 0.5);
  for (let i = 1; i < samples.length; i += 1) {
    const before = samples[i - 1]?.[0] ?? 0;
    const after = samples[i]?.[0] ?? 0;
    if (!(after - before > GAP_STEPS * step)) continue;
    const high = samples[i - 1]?.[1] ?? 0;
    const low = samples[i]?.[1] ?? 0;
    const isFall = low < (1 - UNSEEN_RESTART_FALL) * high && low <= FRESH_LEVEL_MARGIN * fresh;
    if (isFall && !known.some(([seconds]) => seconds > before && seconds <= after)) {
      found.push([(before + after) / 2, 'restart']);
    }
  }
  return found;
}

function toLife(
  samples: readonly Sample[],
  began: Restart | null,
  ended: Restart | null,
  settings: AnalysisSettings,
): Life | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return null;
  const startSeconds = began?.[0] ?? first[0];
  return {
    startSeconds,
    endSeconds: last[0],
    startReason: began?.[1] ?? null,
    endReason: ended?.[1] ?? null,
    samples: withoutStartUp(samples, startSeconds, startUpOf(startSeconds, last[0], settings)),
  };
}

/** A long life shows its first minutes in a single steep bin that no smooth shape fits: a share of it is left out. */
const START_UP_SHARE = 0.02;

/** At least the settings' start-up, at most four warm-ups. Seconds. */
function startUpOf(start: number, end: number, { startUpSeconds, policy }: AnalysisSettings): number {
  return Math.max(startUpSeconds, Math.min(policy.warmUpSeconds * 4, START_UP_SHARE * (end - start)));
}

/** From the first sample that is old enough and has reached 90 % of the life's 10 % quantile. */
function withoutStartUp(samples: readonly Sample[], start: number, startUpSeconds: number): readonly Sample[] {
  const low = quantileInPlace(bytesOf(samples), 0.1);
  const from = samples.findIndex(([seconds, bytes]) => seconds - start >= startUpSeconds && bytes >= 0.9 * low);
  return from < 0 ? [] : samples.slice(from);
}
