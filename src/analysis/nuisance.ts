import { DAY_SECONDS } from './daily.ts';
import type { Points } from './envelope.ts';
import { mean } from './quantiles.ts';
import { type Traffic, trafficColumns } from './traffic.ts';

/** What moves memory besides growth: columns that the fit takes out, and points it can't use. */
export type Nuisance = DailyColumns & { keep: boolean[] | null; cumulativeTraffic: Float64Array | null };

/** `grid`: columns of the same name are the same on every regular grid of as many bins; null: this series' own. */
export type DailyColumns = { columns: Float64Array[]; grid: string | null };

/** Traffic that varies less (coefficient of variation) explains nothing worth a parameter. */
const TRAFFIC_VARIES = 0.06;
/** A bin whose traffic swings by more than this share of the whole range straddles a switch. */
const SWITCH = 0.5;
/** Never leave out more than this share of the bins. */
const MOST_LEFT_OUT = 0.3;
/** A daily column needs more than a day to be told from a trend; the half-day one nearly two. */
const DAILY_FROM_SECONDS = 30 * 3600;
const HALF_DAILY_FROM_SECONDS = 46 * 3600;
/** Half a cycle may only rise: nothing but its end tells it from a leak that began later, or slows down. */
const HALF_CYCLE_SECONDS = 12 * 3600;
/** What only rises is no cycle: a fall of this share of the range must have been seen. */
const CYCLE_FALLS = 0.25;
/** Two levels count as phases of work when they leave less than this share of the variance. */
const PHASE_LEAVES = 0.12;
const FEWEST_PHASE_RUNS = 3;
/** Drifts over the span, in levels, under which phases are looked for. */
const PHASE_DRIFTS = [-0.1, -0.05, 0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1] as const;

/** A regular grid without columns is the plainest shared one. */
const NOTHING: Nuisance = { columns: [], grid: '', keep: null, cumulativeTraffic: null };
const DAY_PARTS = 50;

export function findNuisance(points: Points, y: Float64Array, traffic: Traffic | null, spanSeconds: number): Nuisance {
  if (traffic !== null) return trafficNuisance(points, traffic, spanSeconds);
  const none = { keep: null, cumulativeTraffic: null };
  if (spanSeconds >= DAILY_FROM_SECONDS) return { ...harmonics(points, spanSeconds), ...none };
  const phase = points.kind === 'troughs' ? null : findPhases(points, y);
  if (phase === null) return NOTHING;
  return { columns: [phase], grid: null, ...none };
}

function trafficNuisance(points: Points, traffic: Traffic, spanSeconds: number): Nuisance {
  const { rate, spread, cumulative } = trafficColumns(traffic, points, spanSeconds / points.bins);
  const centre = mean(rate);
  const deviation = Math.sqrt(mean(rate.map((value) => (value - centre) ** 2)));
  if (!(deviation > TRAFFIC_VARIES * centre)) return NOTHING;
  const range = Math.max(...rate) - Math.min(...rate);
  const keep = Array.from(spread, (value) => value <= SWITCH * range);
  const left = keep.filter((kept) => !kept).length;
  const usesKeep = left > 0 && left <= MOST_LEFT_OUT * keep.length;
  return { columns: [rate], grid: null, keep: usesKeep ? keep : null, cumulativeTraffic: cumulative };
}

/**
 * Cosine and sine of a day where growth may be half of such a cycle: half a day and more was seen, less than a column
 * by default needs, and memory has fallen too. Else null.
 */
export function dailyCycle(points: Points, spanSeconds: number): DailyColumns | null {
  if (spanSeconds < HALF_CYCLE_SECONDS || spanSeconds >= DAILY_FROM_SECONDS) return null;
  return hasFallen(points.bytes) ? harmonics(points, spanSeconds) : null;
}

function hasFallen(bytes: Float64Array): boolean {
  let high = 0;
  let fall = 0;
  for (const value of bytes) {
    high = Math.max(high, value);
    fall = Math.max(fall, high - value);
  }
  return fall >= CYCLE_FALLS * (high - Math.min(...bytes));
}

/**
 * Cosines and sines of a day, and of half of it in long windows. On a regular grid the number of days is rounded to
 * 1/50 (an end is shifted by at most 15 min), so that windows of about one length share their designs.
 */
function harmonics(points: Points, spanSeconds: number): DailyColumns {
  const perDay = spanSeconds >= HALF_DAILY_FROM_SECONDS ? [1, 2] : [1];
  const rounded = Math.round((spanSeconds / DAY_SECONDS) * DAY_PARTS) / DAY_PARTS;
  const origin = points.seconds[0] ?? 0;
  const days = points.isRegular
    ? points.x.map((x) => x * rounded)
    : points.seconds.map((seconds) => (seconds - origin) / DAY_SECONDS);
  const columns = perDay.flatMap((many) => {
    const turn = 2 * Math.PI * many;
    return [days.map((day) => Math.cos(turn * day)), days.map((day) => Math.sin(turn * day))];
  });
  return { columns, grid: points.isRegular ? `${rounded} days, ${perDay.length}` : null };
}

/**
 * Busy and quiet phases without traffic figures: Otsu's two levels of the detrended series, over a grid of drifts.
 * The column is 1 in the upper phase. Null where two levels don't explain it, or they hardly alternate.
 */
export function findPhases(points: Points, y: Float64Array): Float64Array | null {
  let best: { leaves: number; column: Float64Array } | null = null;
  for (const drift of PHASE_DRIFTS) {
    const flat = y.map((value, i) => value - drift * (points.x[i] ?? 0));
    const split = otsu(flat);
    if (split !== null && split.leaves < (best?.leaves ?? PHASE_LEAVES)) {
      const column = flat.map((value) => (value > split.threshold ? 1 : 0));
      if (runsOf(column) >= FEWEST_PHASE_RUNS) best = { leaves: split.leaves, column };
    }
  }
  return best?.column ?? null;
}

function runsOf(column: Float64Array): number {
  return column.reduce((runs, value, i) => runs + (i === 0 || value !== column[i - 1] ? 1 : 0), 0);
}

/** The threshold with the least variance within its two sides, each at least an eighth of the points. */
function otsu(values: Float64Array): { threshold: number; leaves: number } | null {
  const ascending = values.slice().sort();
  const size = ascending.length;
  const total = ascending.reduce((sum, value) => sum + value, 0);
  const squares = ascending.reduce((sum, value) => sum + value * value, 0);
  const all = squares - (total * total) / size;
  if (!(all > 0)) return null;
  let best: { threshold: number; leaves: number } | null = null;
  let lower = 0;
  for (let i = 1; i < size; i += 1) {
    lower += ascending[i - 1] ?? 0;
    if (i < size / 8 || i > (size * 7) / 8) continue;
    const between = (lower * lower) / i + (total - lower) ** 2 / (size - i) - (total * total) / size;
    const leaves = 1 - between / all;
    if (leaves < (best?.leaves ?? 1)) {
      best = { threshold: ((ascending[i - 1] ?? 0) + (ascending[i] ?? 0)) / 2, leaves };
    }
  }
  return best;
}
