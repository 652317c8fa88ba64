/** Relative request rate as the fits use it: by bin, and cumulated. Pure. */
import type { Points } from './envelope.ts';
import type { SeriesCase } from './series.ts';

export type Traffic = NonNullable<SeriesCase['traffic']>;

/** Usable points in increasing time. */
export function cleanTraffic(traffic: SeriesCase['traffic']): Traffic | null {
  if (traffic === null) return null;
  const usable = traffic.filter(([t, rate]) => Number.isFinite(t) && Number.isFinite(rate) && rate >= 0);
  return usable.length < 3 ? null : [...usable].sort((a, b) => a[0] - b[0]);
}

/** Linear between points, constant outside. */
export function trafficAt(traffic: Traffic, seconds: number): number {
  let low = 0;
  let high = traffic.length - 1;
  if (seconds <= (traffic[0]?.[0] ?? 0)) return traffic[0]?.[1] ?? 0;
  if (seconds >= (traffic[high]?.[0] ?? 0)) return traffic[high]?.[1] ?? 0;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((traffic[middle]?.[0] ?? 0) <= seconds) low = middle;
    else high = middle;
  }
  const [t0, v0] = traffic[low] ?? [0, 0];
  const [t1, v1] = traffic[high] ?? [0, 0];
  return t1 > t0 ? v0 + ((v1 - v0) * (seconds - t0)) / (t1 - t0) : v1;
}

/** Mean rate in each point's bin, and requests since the start of the point's life; both scaled to mean 1. */
export function trafficColumns(
  traffic: Traffic,
  points: Points,
  widthSeconds: number,
): { rate: Float64Array; spread: Float64Array; cumulative: Float64Array } {
  const parts = 8;
  const size = points.gaps.length;
  const rate = new Float64Array(size);
  const spread = new Float64Array(size);
  const cumulative = new Float64Array(size);
  let sum = 0;
  for (let i = 0; i < size; i += 1) {
    const centre = points.seconds[i] ?? 0;
    let total = 0;
    let low = Number.POSITIVE_INFINITY;
    let high = 0;
    for (let part = 0; part < parts; part += 1) {
      const value = trafficAt(traffic, centre + ((part + 0.5) / parts - 0.5) * widthSeconds);
      total += value;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    rate[i] = total / parts;
    spread[i] = high - low;
    sum += total / parts;
  }
  const usual = sum / Math.max(1, size) || 1;
  for (let i = 0; i < size; i += 1) {
    rate[i] = (rate[i] ?? 0) / usual;
    spread[i] = (spread[i] ?? 0) / usual;
    const gap = points.gaps[i] ?? 0;
    const before = gap === 0 ? (points.x[i] ?? 0) : (cumulative[i - 1] ?? 0);
    const stride = gap === 0 ? 0 : (points.x[i] ?? 0) - (points.x[i - 1] ?? 0);
    cumulative[i] = before + stride * ((rate[i] ?? 0) + (gap === 0 ? 0 : (rate[i - 1] ?? 0))) * 0.5;
  }
  return { rate, spread, cumulative };
}
