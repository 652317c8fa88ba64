/** Order statistics and Student's t, as the fits need them. Pure numbers. */

/** Ascending copy. */
export function sorted(values: Iterable<number>): Float64Array {
  return Float64Array.from(values).sort();
}

/** Linear quantile (type 7) of ascending values; NaN of none. `share` 0..1. */
export function quantileOfSorted(ascending: ArrayLike<number>, share: number): number {
  const last = ascending.length - 1;
  if (last < 0) return Number.NaN;
  const place = share * last;
  const below = Math.floor(place);
  const low = ascending[below] ?? Number.NaN;
  const high = ascending[Math.min(last, below + 1)] ?? low;
  return low + (high - low) * (place - below);
}

/** Linear quantile (type 7) of values in any order; NaN of none. */
export function quantile(values: ArrayLike<number>, share: number): number {
  return quantileInPlace(Float64Array.from(values), share);
}

/** As `quantile`, without a copy: the values are reordered. Linear in their number (Hoare's selection). */
export function quantileInPlace(values: Float64Array, share: number): number {
  const last = values.length - 1;
  if (last < 0) return Number.NaN;
  const place = share * last;
  const below = Math.floor(place);
  const low = select(values, below);
  if (below === last || place === below) return low;
  let high = Number.POSITIVE_INFINITY;
  for (let i = below + 1; i <= last; i += 1) high = Math.min(high, values[i] ?? high);
  return low + (high - low) * (place - below);
}

/** The k-th smallest; everything after it is no smaller. */
function select(values: Float64Array, k: number): number {
  let from = 0;
  let to = values.length - 1;
  while (from < to) {
    const pivot = values[(from + to) >> 1] ?? 0;
    let i = from;
    let j = to;
    while (i <= j) {
      while ((values[i] ?? pivot) < pivot) i += 1;
      while ((values[j] ?? pivot) > pivot) j -= 1;
      if (i > j) break;
      const moved = values[i] ?? 0;
      values[i] = values[j] ?? 0;
      values[j] = moved;
      i += 1;
      j -= 1;
    }
    if (k <= j) to = j;
    else if (k >= i) from = i;
    else break;
  }
  return values[k] ?? Number.NaN;
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += values[i] ?? 0;
  return values.length === 0 ? Number.NaN : sum / values.length;
}

/**
 * P(T <= t) of Student's t. Wallace's (1959) normal approximation: error below 0.002 from 1.5 degrees of freedom on,
 * and cheap enough to be called for every model of a mixture.
 */
export function studentCdf(t: number, degrees: number): number {
  const z = ((8 * degrees + 1) / (8 * degrees + 3)) * Math.sqrt(degrees * Math.log1p((t * t) / degrees));
  return normalCdf(t < 0 ? -z : z);
}

/** Abramowitz & Stegun 26.2.17: absolute error below 7.5e-8. */
function normalCdf(z: number): number {
  const a = Math.abs(z);
  const k = 1 / (1 + 0.2316419 * a);
  const poly = k * (0.31938153 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))));
  const tail = 0.3989422804014327 * Math.exp(-0.5 * a * a) * poly;
  return z < 0 ? tail : 1 - tail;
}
