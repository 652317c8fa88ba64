import { quantile, sorted, studentCdf } from '../../src/analysis/quantiles.ts';
import type { Interval, Sample, SeriesCase } from '../../src/analysis/series.ts';
import type { Answer } from './score.ts';

/** The usual practice, on the same input: what ours is compared with. Each judges every pod and tells the worst. */
export const PEERS: Readonly<Record<string, (seriesCase: SeriesCase) => Answer>> = {
  'deriv (OLS of 6 h > 0.5 %/h)': (seriesCase) => worst(seriesCase, deriv),
  'predict_linear (3 h, to 48 h)': (seriesCase) => worst(seriesCase, predictLinear),
  'Theil-Sen + Mann-Kendall': (seriesCase) => worst(seriesCase, theilSen),
};

type PodAnswer = { leaking: boolean; bytesPerHour: Interval | null };
const HOUR = 3600;

function worst(
  seriesCase: SeriesCase,
  judge: (samples: readonly Sample[], seriesCase: SeriesCase) => PodAnswer,
): Answer {
  const all = seriesCase.pods.map(({ pod, samples, restarts }) => {
    const started = restarts.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY;
    return {
      pod,
      last: samples.at(-1)?.[1] ?? 0,
      ...judge(
        samples.filter(([t]) => t >= started),
        seriesCase,
      ),
    };
  });
  const [first] = all.toSorted(
    (a, b) =>
      Number(b.leaking) - Number(a.leaking) || (b.bytesPerHour?.estimate ?? 0) - (a.bytesPerHour?.estimate ?? 0),
  );
  const rate = first?.bytesPerHour ?? null;
  const left = (seriesCase.limitBytes ?? 0) - (first?.last ?? 0);
  const wait = (perHour: number) => (perHour > 0 ? Math.max(0, (left / perHour) * HOUR) : 1e9);
  return {
    leaking: first?.leaking ?? null,
    pod: first?.pod ?? null,
    bytesPerHour: rate,
    timeToLimit: rate === null ? null : { estimate: wait(rate.estimate), low: wait(rate.high), high: wait(rate.low) },
    analysis: null,
  };
}

/** Least squares of the newest `hours`: slope an hour with its plain 95 % interval, and the level at the end. */
function leastSquares(samples: readonly Sample[], hours: number): { rate: Interval; end: number } | null {
  const now = samples.at(-1)?.[0] ?? 0;
  const used = samples.filter(([t]) => t > now - hours * HOUR);
  if (used.length < 3) return null;
  const x = used.map(([t]) => (t - now) / HOUR);
  const y = used.map(([, bytes]) => bytes);
  const n = used.length;
  const mx = x.reduce((a, b) => a + b, 0) / n;
  const my = y.reduce((a, b) => a + b, 0) / n;
  const sxx = x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
  const slope = x.reduce((sum, value, i) => sum + (value - mx) * ((y[i] ?? 0) - my), 0) / sxx;
  const squares = x.reduce((sum, value, i) => sum + ((y[i] ?? 0) - my - slope * (value - mx)) ** 2, 0);
  const error = 1.96 * Math.sqrt(squares / (n - 2) / sxx);
  return { rate: { estimate: slope, low: slope - error, high: slope + error }, end: my - slope * mx };
}

function deriv(samples: readonly Sample[]): PodAnswer {
  const fit = leastSquares(samples, 6);
  return { leaking: fit !== null && fit.rate.estimate > 0.005 * fit.end, bytesPerHour: fit?.rate ?? null };
}

function predictLinear(samples: readonly Sample[], { limitBytes }: SeriesCase): PodAnswer {
  const fit = leastSquares(samples, 3);
  if (fit === null || limitBytes === null) return { leaking: false, bytesPerHour: null };
  return { leaking: fit.end + 48 * fit.rate.estimate > limitBytes, bytesPerHour: fit.rate };
}

const BINS = 48;

/** On the 10 % envelope in 48 bins: Sen's slope, Mann-Kendall with Hamed and Rao's variance at p < 0.01, > 2 % growth. */
function theilSen(samples: readonly Sample[]): PodAnswer {
  const first = samples[0]?.[0] ?? 0;
  const span = (samples.at(-1)?.[0] ?? 0) - first;
  if (samples.length < BINS || span <= 0) return { leaking: false, bytesPerHour: null };
  const bins: number[][] = Array.from({ length: BINS }, () => []);
  for (const [t, bytes] of samples) bins[Math.min(BINS - 1, Math.floor((BINS * (t - first)) / span))]?.push(bytes);
  // The first eighth is warming up.
  const points = bins.flatMap((bin, i) => (bin.length > 0 && i >= BINS / 8 ? [[i, quantile(bin, 0.1)] as const] : []));
  const slopes: number[] = [];
  let sign = 0;
  for (const [i, [xi, yi]] of points.entries()) {
    for (const [xj, yj] of points.slice(i + 1)) {
      slopes.push((yj - yi) / (xj - xi));
      sign += Math.sign(yj - yi);
    }
  }
  const n = points.length;
  const slope = quantile(slopes, 0.5);
  const variance = ((n * (n - 1) * (2 * n + 5)) / 18) * hamedRao(points.map(([x, y]) => y - slope * x));
  const z = (sign - Math.sign(sign)) / Math.sqrt(variance);
  const ascending = sorted(slopes);
  const perHour = (BINS / span) * HOUR;
  const reach = (1.96 * Math.sqrt(variance)) / (n * (n - 1));
  const at = (share: number) => quantile(ascending, Math.min(1, Math.max(0, share))) * perHour;
  const level = quantile(
    points.map(([, y]) => y),
    0.5,
  );
  return {
    leaking: studentCdf(z, 1e6) > 0.99 && slope * n > 0.02 * level,
    bytesPerHour: { estimate: slope * perHour, low: at(0.5 - reach), high: at(0.5 + reach) },
  };
}

/** Correction of the variance for the autocorrelation of the ranks (Hamed & Rao 1998), significant lags only. */
function hamedRao(residuals: readonly number[]): number {
  const n = residuals.length;
  const order = residuals.map((_, i) => i).sort((a, b) => (residuals[a] ?? 0) - (residuals[b] ?? 0));
  const ranks = new Float64Array(n);
  for (const [rank, i] of order.entries()) ranks[i] = rank - (n - 1) / 2;
  const all = ranks.reduce((sum, rank) => sum + rank * rank, 0);
  let sum = 0;
  for (let lag = 1; lag < n / 3; lag += 1) {
    let product = 0;
    for (let i = lag; i < n; i += 1) product += (ranks[i] ?? 0) * (ranks[i - lag] ?? 0);
    const rho = product / all;
    if (Math.abs(rho) > 1.96 / Math.sqrt(n)) sum += (n - lag) * (n - lag - 1) * (n - lag - 2) * rho;
  }
  return Math.max(1, 1 + (2 / (n * (n - 1) * (n - 2))) * sum);
}
