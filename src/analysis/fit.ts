import type { Atom } from './atoms.ts';
import { type Design, dot, project, type Whitened, whiten } from './whitening.ts';

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

/** RSS comes in pages and reused blocks: no series is known better than this share of its level. */
const NOISE_FLOOR = 0.0003;
/** Models worse than the best by more than this in BIC weigh less than 0.3 % of it. */
const BIC_WINDOW = 12;
/** Calibration of the errors to 95 % coverage (docs/detection.md): least-squares errors ignore the choice of shape. */
const ERROR_FACTOR = 1.35;
const ERROR_OF_SLOPE = 0.012;
const ERROR_OF_LEVEL = 0.003;
const DEGREES_TAKEN = 5;
const FEWEST_DEGREES = 2;
/** Two columns more alike than this can't be told apart. */
const COLLINEAR = 1e-5;

type Candidate = { whitened: Whitened; i: number; j: number; a: number; b: number; squares: number; bic: number };

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

function candidatesAt(design: Design, whitened: Whitened, target: Float64Array, bestSoFar: number): Candidate[] {
  const { gram } = whitened;
  const parameters = design.parameters;
  const many = parameters.length;
  const products = Float64Array.from(whitened.columns, (column) => dot(column, target));
  const all = dot(target, target);
  const collected = new Collected(design, whitened, bestSoFar);
  collected.keep(-1, -1, 0, 0, all, 0);
  for (let i = 0; i < many; i += 1) {
    const gii = gram[i * many + i] ?? 0;
    const gi = products[i] ?? 0;
    const ki = parameters[i] ?? 0;
    if (gii <= 0) continue;
    collected.keep(i, -1, gi / gii, 0, Math.max(0, all - (gi * gi) / gii), ki);
    for (let j = i + 1; j < many; j += 1) {
      const gjj = gram[j * many + j] ?? 0;
      const gij = gram[i * many + j] ?? 0;
      const determinant = gii * gjj - gij * gij;
      if (determinant <= COLLINEAR * gii * gjj) continue;
      const gj = products[j] ?? 0;
      const a = (gi * gjj - gj * gij) / determinant;
      const b = (gj * gii - gi * gij) / determinant;
      const squares = all - a * gi - b * gj;
      const k = ki + (parameters[j] ?? 0);
      // Most pairs end here: the logarithm of the likelihood is for those that can still matter.
      if (squares <= (collected.mostSquares[2 * k] ?? 0)) collected.keep(i, j, a, b, Math.max(0, squares), k);
    }
  }
  return collected.found;
}

/** Half-parameters (a late flattening costs 1.5 more) of the heaviest pair, and one. */
const MOST_HALF_PARAMETERS = 16;

/** The models worth keeping at one autocorrelation, and how large the squares of a model may be to be one of them. */
class Collected {
  readonly found: Candidate[] = [];
  readonly mostSquares = new Float64Array(MOST_HALF_PARAMETERS);
  readonly #size: number;
  readonly #logSize: number;
  readonly #whitened: Whitened;
  #best: number;

  constructor({ size }: Design, whitened: Whitened, best: number) {
    this.#size = size;
    this.#logSize = Math.log(size);
    this.#whitened = whitened;
    this.#best = best;
    this.#bound();
  }

  keep(i: number, j: number, a: number, b: number, squares: number, parameters: number): void {
    const variance = Math.max(squares / this.#size, NOISE_FLOOR ** 2);
    const fit = this.#size * Math.log(variance) + squares / variance;
    const bic = fit + this.#whitened.logVariance + parameters * this.#logSize;
    if (bic > this.#best + BIC_WINDOW) return;
    this.found.push({ whitened: this.#whitened, i, j, a, b, squares, bic });
    if (bic >= this.#best) return;
    this.#best = bic;
    this.#bound();
  }

  /** Inverts the BIC: n log(squares / n) + n + log variance + k log n <= best + window. */
  #bound(): void {
    const size = this.#size;
    for (let half = 0; half < MOST_HALF_PARAMETERS; half += 1) {
      const left = this.#best + BIC_WINDOW - this.#whitened.logVariance - (half / 2) * this.#logSize;
      const most = size * Math.exp((left - size) / size);
      // Under the noise floor the likelihood is flat in the variance: all of those are looked at.
      this.mostSquares[half] = Math.max(most, size * NOISE_FLOOR ** 2);
    }
  }
}

function toModel(design: Design, candidate: Candidate, weight: number): Model {
  const { whitened, i, j, a, b, squares } = candidate;
  const many = design.atoms.length;
  const first = design.atoms[i] ?? null;
  const second = design.atoms[j] ?? null;
  const used = design.lives + design.nuisances + (first === null ? 0 : 1) + (second === null ? 0 : 1);
  const variance = Math.max(squares / Math.max(1, design.size - used), NOISE_FLOOR ** 2);
  const covariance = (ci: number, cj: number): number => {
    if (first === null) return 0;
    const gii = whitened.gram[i * many + i] ?? 1;
    if (second === null) return (variance * ci * ci) / gii;
    const gjj = whitened.gram[j * many + j] ?? 1;
    const gij = whitened.gram[i * many + j] ?? 0;
    return (variance * (ci * ci * gjj - 2 * ci * cj * gij + cj * cj * gii)) / (gii * gjj - gij * gij);
  };
  const along = (ci: number, cj: number) => {
    const value = a * ci + b * cj;
    const plain = Math.sqrt(Math.max(0, covariance(ci, cj)));
    return { value, error: ERROR_FACTOR * plain + ERROR_OF_SLOPE * Math.abs(value) + ERROR_OF_LEVEL };
  };
  const slope = along(first?.lastQuarterSlope ?? 0, second?.lastQuarterSlope ?? 0);
  const rate = along(first?.presentSlope ?? 0, second?.presentSlope ?? 0);
  const rho = whitened.correlation;
  const degrees = Math.max(FEWEST_DEGREES, (design.size * (1 - rho)) / (1 + rho) - DEGREES_TAKEN);
  return {
    first,
    second,
    firstSize: a,
    secondSize: b,
    correlation: rho,
    weight,
    degrees,
    slope: slope.value,
    slopeError: slope.error,
    rate: rate.value,
    rateError: rate.error,
  };
}
