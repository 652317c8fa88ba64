import { atomsFor } from './atoms.ts';
import { type AgeSpan, ageSpan, levelOf, type Points, toBins, toPoints, toTroughs } from './envelope.ts';
import { type Average, fitModels, type Model, mergeAverages } from './fit.ts';
import type { Life } from './lives.ts';
import { probabilityAbove, rateInterval, slopeUncertainty } from './mixture.ts';
import { type DailyColumns, dailyCycle, findNuisance } from './nuisance.ts';
import type { Interval } from './series.ts';
import type { AnalysisSettings } from './settings.ts';
import type { Traffic } from './traffic.ts';
import { type Design, sharedDesign, toDesign } from './whitening.ts';

/** Growth of one pod's lives of one release. */
export type GrowthFit = {
  /** P(memory still grows in the last quarter of the lives by more than the threshold), 0..1. */
  probability: number;
  /** Present growth, 95 %. */
  bytesPerHour: Interval;
  /** Median level of the fitted points; the thresholds are shares of it. */
  levelBytes: number;
  windowSeconds: number;
  samples: number;
  span: AgeSpan;
  points: Points;
  models: readonly Model[];
  lives: readonly Life[];
};

/** Low envelopes from fine to coarse: fine ones date a change, coarse ones outlast slow sawteeth. */
const LOW_BINS = [96, 48, 24, 14] as const;
const MEDIAN_BINS = 48;
/** Another series replaces the one before only when it tells the slope this much better: a quarter. */
const CLEARLY_BETTER = 0.75;

/** Null when the samples are too few, or all at one age. */
export function fitGrowth(all: readonly Life[], traffic: Traffic | null, settings: AnalysisSettings): GrowthFit | null {
  const lives = all.filter((life) => life.samples.length >= 3);
  const samples = lives.reduce((sum, life) => sum + life.samples.length, 0);
  if (samples < settings.fewestSamples) return null;
  const span = ageSpan(lives);
  if (!(span.seconds > 0)) return null;
  let best: { points: Points; average: Average; uncertainty: number } | null = null;
  for (const points of candidateSeries(lives, span, samples)) {
    const average = fitPoints(points, traffic, span);
    const uncertainty = slopeUncertainty(average.models);
    if (best === null || uncertainty < CLEARLY_BETTER * best.uncertainty) best = { points, average, uncertainty };
  }
  if (best === null) return null;
  const given = { lives, samples, span, settings };
  const found = toGrowthFit(best.points, best.average.models, given);
  if (traffic !== null || found.probability <= settings.unclearProbability) return found;
  const averaged = withDailyCycle(best.points, best.average, span);
  return averaged === null ? found : toGrowthFit(best.points, averaged.models, given);
}

function candidateSeries(lives: readonly Life[], span: AgeSpan, samples: number): Points[] {
  const series: Points[] = [];
  for (const total of LOW_BINS) {
    if (total > samples) continue;
    const binned = toBins(lives, span, total);
    const low = toPoints(binned, 'low');
    if (low.gaps.length >= Math.min(total, LOW_BINS[3]) / 2) series.push(low);
    if (total === MEDIAN_BINS) series.push(toPoints(binned, 'median'));
  }
  const [only] = lives;
  const troughs = lives.length === 1 && only !== undefined ? toTroughs(only, span) : null;
  if (troughs !== null) series.push(troughs);
  return series;
}

function fitPoints(points: Points, traffic: Traffic | null, span: AgeSpan): Average {
  const level = levelOf(points);
  const y = points.bytes.map((bytes) => bytes / level);
  const nuisance = findNuisance(points, y, traffic, span.seconds);
  if (nuisance.grid !== null) return fitModels(designOf(points, nuisance), points.gaps, y);
  const keep = nuisance.keep;
  const pick = (values: Float64Array) => (keep === null ? values : values.filter((_, i) => keep[i] === true));
  const kept = keep === null ? points : { ...points, x: pick(points.x), gaps: keptGaps(points.gaps, keep) };
  const cumulative = nuisance.cumulativeTraffic;
  const design = toDesign(
    kept,
    atomsFor(cumulative !== null),
    nuisance.columns.map(pick),
    cumulative === null ? null : pick(cumulative),
  );
  return fitModels(design, kept.gaps, pick(y));
}

/**
 * Where traffic is not known and a window is shorter than a cycle of a day, growth may be the morning: the same
 * shapes over such a cycle stand beside those over none, and the likelihood decides. Null where it can't be one.
 */
function withDailyCycle(points: Points, without: Average, span: AgeSpan): Average | null {
  const cycle = dailyCycle(points, span.seconds);
  if (cycle === null) return null;
  const level = levelOf(points);
  const y = points.bytes.map((bytes) => bytes / level);
  return mergeAverages(without, fitModels(designOf(points, cycle), points.gaps, y));
}

function designOf(points: Points, { columns, grid }: DailyColumns): Design {
  const atoms = atomsFor(false);
  return points.isRegular && grid !== null
    ? sharedDesign(points, atoms, { columns, grid })
    : toDesign(points, atoms, columns, null);
}

/** Distances to the point before, when some points are left out. */
function keptGaps(gaps: Float64Array, keep: readonly boolean[]): Float64Array {
  const out: number[] = [];
  let since = 0;
  let starts = true;
  for (const [i, gap] of gaps.entries()) {
    if (gap === 0) starts = true;
    since += gap;
    if (keep[i] !== true) continue;
    out.push(starts ? 0 : since);
    since = 0;
    starts = false;
  }
  return Float64Array.from(out);
}

function toGrowthFit(
  points: Points,
  models: readonly Model[],
  given: { lives: readonly Life[]; samples: number; span: AgeSpan; settings: AnalysisSettings },
): GrowthFit {
  const { lives, samples, span, settings } = given;
  const hours = span.seconds / 3600;
  const { leakRatioPerHour, leakRatioPerLife, leakRatioPerYoungLife, youngSeconds, mostPooledLives } = settings;
  const youth = Math.max(0, 1 - span.seconds / youngSeconds);
  const perLife = leakRatioPerLife + youth * (leakRatioPerYoungLife - leakRatioPerLife);
  const pooled = Math.min(mostPooledLives, countOfLives(points));
  const threshold = Math.max(leakRatioPerHour * hours, perLife) / Math.sqrt(pooled);
  const probability = probabilityAbove(models, threshold);
  const level = levelOf(points);
  const rate = rateInterval(models, probability > 0.5 ? threshold : null);
  const perHour = level / hours;
  return {
    probability,
    bytesPerHour: { estimate: rate.estimate * perHour, low: rate.low * perHour, high: rate.high * perHour },
    levelBytes: level,
    windowSeconds: span.seconds,
    samples,
    span,
    points,
    models,
    lives,
  };
}

function countOfLives(points: Points): number {
  return Math.max(
    1,
    points.gaps.reduce((count, gap) => count + (gap === 0 ? 1 : 0), 0),
  );
}
