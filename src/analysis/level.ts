import type { Life } from './lives.ts';
import type { PodFit } from './pods.ts';
import { quantile, quantileOfSorted, sorted } from './quantiles.ts';
import type { Sample, SeriesCase } from './series.ts';
import type { AnalysisSettings } from './settings.ts';

/** Ages within this share of each other are alike: caches and pools grow with the logarithm of age. */
const ALIKE_AGE = 0.25;
/** At most this many values a side enter the pairwise shift: enough for 0.1 % of the level. */
const MOST_PAIRED = 60;

/** The profile's level at an age: median of its points of like age, the nearest one else, its end beyond. */
export function profileAt(profile: readonly Sample[], ageSeconds: number): number | null {
  if (profile.length === 0) return null;
  const oldest = Math.max(...profile.map(([age]) => age));
  const age = Math.min(ageSeconds, oldest);
  const alike = profile.filter(([at]) => Math.abs(at - age) <= ALIKE_AGE * Math.max(age, 1e-9));
  if (alike.length > 0) {
    return quantile(
      alike.map(([, bytes]) => bytes),
      0.5,
    );
  }
  const nearest = profile.reduce((best, point) => (Math.abs(point[0] - age) < Math.abs(best[0] - age) ? point : best));
  return nearest[1];
}

/**
 * Present level over the healthy one, 0.42 = 42 % above: against the baseline's profile at the same age of process,
 * or the SLO's target where there is no profile. Null without either.
 */
export function overBaseline(pod: PodFit, seriesCase: SeriesCase): number | null {
  if (pod.presentBytes === null || pod.ageSeconds === null) return null;
  const expected =
    seriesCase.baseline === null || seriesCase.baseline.length === 0
      ? seriesCase.sloBaselineBytes
      : profileAt(seriesCase.baseline, pod.ageSeconds);
  return expected === null || !(expected > 0) ? null : pod.presentBytes / expected - 1;
}

/**
 * Growth towards a level that the healthy release also reached: the last quarter of the lives is at or under its
 * upper quartile, with 1.5 % margin. The baseline's profile decides, else the release before if it did not grow
 * itself. Processes that are replaced young are compared at their ages; one killed at the limit filled too much.
 */
export function isFilling(pod: PodFit, seriesCase: SeriesCase, settings: AnalysisSettings): boolean {
  const healthy = healthyProfile(pod, seriesCase, settings);
  if (healthy === null || pod.fit === null) return false;
  if (pod.current.some(({ endReason }) => endReason === 'oom')) return false;
  const { lives, span } = pod.fit;
  const isReplacedYoung = lives.length >= MANY_LIVES;
  const alike = isReplacedYoung ? healthy.filter(([age]) => age <= span.to) : healthy;
  const grown = profileOf(lives).filter(([age]) => age >= span.to - span.seconds / 4);
  return upperQuartile(grown) <= settings.fillingRatio * upperQuartile(alike);
}

/** From so many lives of one release on, being replaced is how its processes end. */
const MANY_LIVES = 3;

/** A healthy release by age of process: the baseline's, else the release before if it did not grow; or null. */
export function healthyProfile(
  { previous, previousFit }: PodFit,
  { baseline }: SeriesCase,
  settings: AnalysisSettings,
): readonly Sample[] | null {
  const wasCalm = previousFit !== null && previousFit.probability <= settings.unclearProbability;
  const profile = baseline ?? (wasCalm ? profileOf(previous) : []);
  return profile.length < settings.fewestSamples ? null : profile;
}

function upperQuartile(profile: readonly Sample[]): number {
  return quantile(
    profile.map(([, bytes]) => bytes),
    0.75,
  );
}

/** Samples of lives by age of process: a profile. */
export function profileOf(lives: readonly Life[]): Sample[] {
  return lives.flatMap(({ samples, startSeconds }) =>
    samples.map(([seconds, bytes]): Sample => [seconds - startSeconds, bytes]),
  );
}

/** How one level differs from another: Hodges-Lehmann shift by the old level, and Cliff's delta (-1..1). */
export type LevelShift = { ratio: number; delta: number };

/**
 * The new release's level against the old one's at like age: the second half of the new life's ages, or what of
 * them the old release reached. Effect sizes, no p-values: thousands of dependent samples make any p tiny.
 */
export function levelShift(newer: readonly Life[], older: readonly Life[]): LevelShift | null {
  const young = profileOf(newer);
  const old = profileOf(older);
  const reach = Math.min(oldestAge(young), oldestAge(old));
  const at = (profile: readonly Sample[]) =>
    thinned(profile.filter(([age]) => age >= reach / 2 && age <= reach).map(([, bytes]) => bytes));
  const a = at(young);
  const b = at(old);
  if (a.length < 5 || b.length < 5) return null;
  const differences: number[] = [];
  let above = 0;
  for (const left of a) {
    for (const right of b) {
      differences.push(left - right);
      above += Math.sign(left - right);
    }
  }
  const level = quantileOfSorted(b, 0.5);
  return { ratio: quantile(differences, 0.5) / level, delta: above / differences.length };
}

function oldestAge(profile: readonly Sample[]): number {
  return profile.reduce((oldest, [age]) => Math.max(oldest, age), 0);
}

function thinned(values: readonly number[]): Float64Array {
  const ascending = sorted(values);
  if (ascending.length <= MOST_PAIRED) return ascending;
  return Float64Array.from({ length: MOST_PAIRED }, (_, i) => quantileOfSorted(ascending, (i + 0.5) / MOST_PAIRED));
}
