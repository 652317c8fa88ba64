import { type Atom, atomValue } from './atoms.ts';
import type { Points } from './envelope.ts';

/** Autocorrelations of neighbouring bins that the fit averages over. */
export const CORRELATIONS = [0, 0.4, 0.65, 0.8, 0.9, 0.96] as const;

/** The whitened, projected dictionary of one grid at one autocorrelation. */
export type Whitened = {
  correlation: number;
  /** Orthonormal: an intercept a life, and the nuisance columns. Projected out of everything. */
  basis: readonly Float64Array[];
  columns: readonly Float64Array[];
  gram: Gram;
  /** Sum of log variances of the whitening, part of -2 log likelihood. */
  logVariance: number;
};

/** Inner products of the columns: each with itself, and of the pairs i < j, row by row. */
export type Gram = {
  own: Float64Array;
  pairs: Float64Array;
  /** 1 / (own own - pair pair); NaN where two columns can't be told apart: no comparison with it holds. */
  inverses: Float64Array;
};

export type Design = {
  atoms: readonly Atom[];
  /** Of each atom, in the BIC. */
  parameters: Float64Array;
  size: number;
  nuisances: number;
  lives: number;
  whitened: readonly Whitened[];
};

/** Less than this share of a column left after the projection: it can't be told from the intercept or a nuisance. */
const VANISHED = 1e-6;

/**
 * Prais-Winsten whitening of an AR(1) with unit innovations; over a gap of g bins the correlation is rho^g and the
 * innovation's variance (1 - rho^2g) / (1 - rho^2).
 */
export function whiten(values: ArrayLike<number>, gaps: Float64Array, correlation: number): Float64Array {
  const out = new Float64Array(gaps.length);
  const stationary = Math.sqrt(1 - correlation * correlation);
  for (let i = 0; i < gaps.length; i += 1) {
    const value = values[i] ?? 0;
    const gap = gaps[i] ?? 0;
    if (gap === 0) {
      out[i] = stationary * value;
    } else {
      const kept = gap === 1 ? correlation : correlation ** gap;
      const scale = gap === 1 ? 1 : stationary / Math.sqrt(1 - kept * kept);
      out[i] = scale * (value - kept * (values[i - 1] ?? 0));
    }
  }
  return out;
}

function logVarianceOf(gaps: Float64Array, correlation: number): number {
  const unconditional = 1 - correlation * correlation;
  let sum = 0;
  for (const gap of gaps) {
    if (gap === 0) sum -= Math.log(unconditional);
    else if (gap > 1) sum += Math.log((1 - correlation ** (2 * gap)) / unconditional);
  }
  return sum;
}

/** In four sums, which don't wait for each other: most of the time of a fit goes into this. */
export function dot(a: Float64Array, b: Float64Array): number {
  let [even, odd, third, fourth] = [0, 0, 0, 0];
  const whole = a.length - (a.length % 4);
  for (let i = 0; i < whole; i += 4) {
    even += (a[i] ?? 0) * (b[i] ?? 0);
    odd += (a[i + 1] ?? 0) * (b[i + 1] ?? 0);
    third += (a[i + 2] ?? 0) * (b[i + 2] ?? 0);
    fourth += (a[i + 3] ?? 0) * (b[i + 3] ?? 0);
  }
  for (let i = whole; i < a.length; i += 1) even += (a[i] ?? 0) * (b[i] ?? 0);
  return even + odd + (third + fourth);
}

/** Takes the basis' part out of a column, in place. */
export function project(column: Float64Array, basis: readonly Float64Array[]): Float64Array {
  for (const unit of basis) {
    const share = dot(column, unit);
    for (let i = 0; i < column.length; i += 1) column[i] = (column[i] ?? 0) - share * (unit[i] ?? 0);
  }
  return column;
}

function interceptsOf(gaps: Float64Array): Float64Array[] {
  const intercepts: Float64Array[] = [];
  for (let i = 0; i < gaps.length; i += 1) {
    if (gaps[i] === 0) intercepts.push(new Float64Array(gaps.length));
    const current = intercepts.at(-1);
    if (current !== undefined) current[i] = 1;
  }
  return intercepts;
}

/** Gram-Schmidt; columns that the earlier ones explain are left out. The columns are used up. */
export function orthonormal(columns: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const column of columns) {
    const before = dot(column, column);
    const left = project(column, basis);
    const size = dot(left, left);
    if (size > VANISHED * before && size > 0) basis.push(left.map((value) => value / Math.sqrt(size)));
  }
  return basis;
}

/** Whitens and projects the dictionary on the points' grid, at every autocorrelation. */
export function toDesign(
  points: Points,
  atoms: readonly Atom[],
  nuisances: readonly Float64Array[],
  traffic: Float64Array | null,
): Design {
  const { gaps, x } = points;
  const raw = atoms.map((atom) => Float64Array.from(x, (place, i) => atomValue(atom, place, traffic?.[i] ?? 0)));
  const intercepts = interceptsOf(gaps);
  const whitened = CORRELATIONS.map((correlation): Whitened => {
    const basis = orthonormal([...intercepts, ...nuisances].map((column) => whiten(column, gaps, correlation)));
    const columns = raw.map((column) => {
      const white = whiten(column, gaps, correlation);
      const before = dot(white, white);
      const left = project(white, basis);
      return dot(left, left) > VANISHED * before ? left : left.fill(0);
    });
    return { correlation, basis, columns, gram: gramOf(columns), logVariance: logVarianceOf(gaps, correlation) };
  });
  const parameters = Float64Array.from(atoms, (atom) => atom.parameters);
  return { atoms, parameters, size: gaps.length, nuisances: nuisances.length, lives: intercepts.length, whitened };
}

/** Place of the pair i < j among all pairs, row by row. */
export function pairOf(i: number, j: number, many: number): number {
  return i * many - (i * (i + 1)) / 2 + j - i - 1;
}

/** Two columns more alike than this can't be told apart. */
const COLLINEAR = 1e-5;

function gramOf(columns: readonly Float64Array[]): Gram {
  const own = Float64Array.from(columns, (column) => dot(column, column));
  const size = (columns.length * (columns.length - 1)) / 2;
  const pairs = new Float64Array(size);
  const inverses = new Float64Array(size);
  let pair = 0;
  for (const [i, a] of columns.entries()) {
    for (let j = i + 1; j < columns.length; j += 1) {
      const b = columns[j];
      if (b === undefined) continue;
      const product = dot(a, b);
      const both = (own[i] ?? 0) * (own[j] ?? 0);
      const determinant = both - product * product;
      pairs[pair] = product;
      inverses[pair] = determinant > COLLINEAR * both ? 1 / determinant : Number.NaN;
      pair += 1;
    }
  }
  return { own, pairs, inverses };
}

const shared = new Map<string, Design>();
/** Some 0.4 MB each. */
const SHARED_GRIDS = 64;

/**
 * `toDesign` of gap-free points of one life, without traffic: the same for every series with as many bins and nuisance
 * columns of the same name (`grid`), so it is computed once. A cache of constants, the latest ones: answers do not
 * depend on it.
 */
export function sharedDesign(
  points: Points,
  atoms: readonly Atom[],
  { columns, grid }: { columns: readonly Float64Array[]; grid: string },
): Design {
  const name = `${points.bins} bins, ${grid}`;
  const design = shared.get(name) ?? toDesign(points, atoms, columns, null);
  shared.delete(name);
  shared.set(name, design);
  const [oldest] = shared.keys();
  if (shared.size > SHARED_GRIDS && oldest !== undefined) shared.delete(oldest);
  return design;
}
