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

export function quantile(values: Iterable<number>, share: number): number {
  return quantileOfSorted(sorted(values), share);
}

export function median(values: Iterable<number>): number {
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
