import { type Design, dot, type Whitened } from './whitening.ts';

/** RSS comes in pages and reused blocks: no series is known better than this share of its level. */
export const NOISE_FLOOR = 0.0003;
/** Models worse than the best by more than this in BIC weigh less than 0.3 % of it. */
export const BIC_WINDOW = 12;
/** A model by its two atoms (-1: none). `products`: of all columns with the points, at this autocorrelation. */
export type Candidate = {
  whitened: Whitened;
  products: Float64Array;
  i: number;
  j: number;
  squares: number;
  bic: number;
};

/**
 * The models at one autocorrelation whose BIC is within the window of the best: of none, one and two shapes. `target`:
 * the whitened, projected points; `bestSoFar`: the best BIC at other autocorrelations.
 */
export function candidatesAt(design: Design, whitened: Whitened, target: Float64Array, bestSoFar: number): Candidate[] {
  const { own, pairs, inverses } = whitened.gram;
  const parameters = design.parameters;
  const many = parameters.length;
  const products = new Float64Array(many);
  for (const [i, column] of whitened.columns.entries()) products[i] = dot(column, target);
  const all = dot(target, target);
  const collected = new Collected(design, whitened, products, bestSoFar);
  const { mostSquares } = collected;
  collected.keep(-1, -1, all, 0);
  let pair = 0;
  for (let i = 0; i < many; i += 1) {
    const gii = own[i] ?? 0;
    const gi = products[i] ?? 0;
    const ki = parameters[i] ?? 0;
    if (gii > 0) collected.keep(i, -1, Math.max(0, all - (gi * gi) / gii), ki);
    for (let j = i + 1; j < many; j += 1) {
      const gj = products[j] ?? 0;
      const explained = gi * gi * (own[j] ?? 0) - 2 * gi * gj * (pairs[pair] ?? 0) + gj * gj * gii;
      const squares = all - explained * (inverses[pair] ?? 0);
      const k = ki + (parameters[j] ?? 0);
      pair += 1;
      // Most pairs end here: the logarithm of the likelihood is for those that can still matter.
      if (squares <= (mostSquares[2 * k] ?? 0)) collected.keep(i, j, Math.max(0, squares), k);
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
  readonly #products: Float64Array;
  #best: number;

  constructor({ size }: Design, whitened: Whitened, products: Float64Array, best: number) {
    this.#size = size;
    this.#logSize = Math.log(size);
    this.#whitened = whitened;
    this.#products = products;
    this.#best = best;
    this.#bound();
  }

  keep(i: number, j: number, squares: number, parameters: number): void {
    const variance = Math.max(squares / this.#size, NOISE_FLOOR ** 2);
    const fit = this.#size * Math.log(variance) + squares / variance;
    const bic = fit + this.#whitened.logVariance + parameters * this.#logSize;
    if (bic > this.#best + BIC_WINDOW) return;
    this.found.push({ whitened: this.#whitened, products: this.#products, i, j, squares, bic });
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
