import type { Atom } from './atoms.ts';
import { BIC_WINDOW, type Candidate, candidatesAt, NOISE_FLOOR } from './candidates.ts';
import { type Design, pairOf, project, whiten } from './whitening.ts';

/** One model of the average: its growth, in levels a span (level = 1, span of the longest life = 1). */
export type Model = {
  first: Atom | null;
  second: Atom | null;
  /** Their coefficients, in levels. */
  firstSize: number;
  secondSize: number;
  correlation: number;
  weight: number;
  /** Effective degrees of freedom of its errors. */
  degrees: number;
  /** Mean slope over the last quarter, and its standard error, calibrated. */
  slope: number;
  slopeError: number;
  /** Slope at the end, and its standard error, calibrated. */
  rate: number;
  rateError: number;
};

/** Calibration of the errors to 95 % coverage (docs/detection.md): least-squares errors ignore the choice of shape. */
const ERROR_FACTOR = 1.35;
const ERROR_OF_SLOPE = 0.012;
const ERROR_OF_LEVEL = 0.003;
const DEGREES_TAKEN = 5;
const FEWEST_DEGREES = 2;

/** Models that share the weight 1, and the BIC of all of them together: averages of the same points can be averaged. */
export type Average = { models: Model[]; bic: number };

/**
 * Fits every shape and pair of shapes at every autocorrelation to `y` (bytes by level) and weighs them by
 * exp(-BIC / 2), BIC = n log s2 + squares / s2 + sum log v + k log n, with s2 never below the noise floor.
 */
export function fitModels(design: Design, gaps: Float64Array, y: Float64Array): Average {
  const kept: Candidate[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (const whitened of design.whitened) {
    const found = candidatesAt(design, whitened, project(whiten(y, gaps, whitened.correlation), whitened.basis), best);
    for (const candidate of found) {
      kept.push(candidate);
      best = Math.min(best, candidate.bic);
    }
  }
  const near = kept.filter(({ bic }) => bic <= best + BIC_WINDOW);
  const total = near.reduce((sum, { bic }) => sum + Math.exp((best - bic) / 2), 0);
  return {
    models: near.map((candidate) => toModel(design, candidate, Math.exp((best - candidate.bic) / 2) / total)),
    // The nuisance columns are in every model: they count only against an average without them.
    bic: best - 2 * Math.log(total) + design.nuisances * Math.log(design.size),
  };
}

/** Two averages of the same points as one. */
export function mergeAverages(a: Average, b: Average): Average {
  const odds = Math.exp((a.bic - b.bic) / 2);
  const share = odds === Number.POSITIVE_INFINITY ? 1 : odds / (1 + odds);
  const weigh = (models: readonly Model[], by: number) =>
    models.map((model) => ({ ...model, weight: model.weight * by }));
  const models = [...weigh(a.models, 1 - share), ...weigh(b.models, share)].filter(({ weight }) => weight > 0);
  return { models, bic: Math.min(a.bic, b.bic) };
}

/** Coefficients of the two shapes by least squares. */
function sizesOf({ whitened, products, i, j }: Candidate): { a: number; b: number } {
  const { own, pairs, inverses } = whitened.gram;
  if (i < 0) return { a: 0, b: 0 };
  const gi = products[i] ?? 0;
  const gii = own[i] ?? 0;
  if (j < 0) return { a: gi / gii, b: 0 };
  const pair = pairOf(i, j, own.length);
  const gij = pairs[pair] ?? 0;
  const inverse = inverses[pair] ?? 0;
  const gj = products[j] ?? 0;
  return { a: (gi * (own[j] ?? 0) - gj * gij) * inverse, b: (gj * gii - gi * gij) * inverse };
}

function toModel(design: Design, candidate: Candidate, weight: number): Model {
  const { whitened, i, j, squares } = candidate;
  const { a, b } = sizesOf(candidate);
  const first = design.atoms[i] ?? null;
  const second = design.atoms[j] ?? null;
  const used = design.lives + design.nuisances + (first === null ? 0 : 1) + (second === null ? 0 : 1);
  const variance = Math.max(squares / Math.max(1, design.size - used), NOISE_FLOOR ** 2);
  const slopes = [first?.lastQuarterSlope ?? 0, second?.lastQuarterSlope ?? 0] as const;
  const rates = [first?.presentSlope ?? 0, second?.presentSlope ?? 0] as const;
  const slope = a * slopes[0] + b * slopes[1];
  const rate = a * rates[0] + b * rates[1];
  const rho = whitened.correlation;
  return {
    first,
    second,
    firstSize: a,
    secondSize: b,
    correlation: rho,
    weight,
    degrees: Math.max(FEWEST_DEGREES, (design.size * (1 - rho)) / (1 + rho) - DEGREES_TAKEN),
    slope,
    slopeError: calibrated(variance * varianceOf(candidate, slopes), slope),
    rate,
    rateError: calibrated(variance * varianceOf(candidate, rates), rate),
  };
}

/** Variance of ci a + cj b at a residual variance of 1. */
function varianceOf({ whitened, i, j }: Candidate, [ci, cj]: readonly [number, number]): number {
  if (i < 0) return 0;
  const { own, pairs, inverses } = whitened.gram;
  const gii = own[i] ?? 1;
  if (j < 0) return (ci * ci) / gii;
  const pair = pairOf(i, j, own.length);
  const gjj = own[j] ?? 1;
  return (ci * ci * gjj - 2 * ci * cj * (pairs[pair] ?? 0) + cj * cj * gii) * (inverses[pair] ?? 0);
}

function calibrated(variance: number, value: number): number {
  return ERROR_FACTOR * Math.sqrt(Math.max(0, variance)) + ERROR_OF_SLOPE * Math.abs(value) + ERROR_OF_LEVEL;
}
