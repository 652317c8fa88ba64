import { DAY_SECONDS, isDaily } from './daily.ts';
import { ageSpan, levelOf, toBins, toPoints } from './envelope.ts';
import type { Life } from './lives.ts';
import { findPhases } from './nuisance.ts';
import { median, quantile } from './quantiles.ts';
import type { AnalysisSettings } from './settings.ts';
import { type Traffic, trafficAt } from './traffic.ts';

/** Traffic has quiet periods when its lower tenth is below this share of its upper one. */
const QUIET_SHARE = 0.75;
const PHASE_BINS = 48;
const FEWEST_SAMPLES = 4;
/** Of the usual length of a quiet period. */
const WHOLE_RUN = 0.6;

/**
 * Does memory return in quiet periods? Level (lower quartile of its settled half) of the last quiet period against
 * the first. True within `quietReturnRatio`, false above; null with fewer than two quiet periods.
 */
export function returnsInQuiet(
  lives: readonly Life[],
  traffic: Traffic | null,
  settings: AnalysisSettings,
): boolean | null {
  const levels = lives.flatMap((life) => quietLevels(life, traffic));
  const first = levels[0];
  const last = levels.at(-1);
  if (levels.length < 2 || first === undefined || last === undefined) return null;
  return Math.abs(last / first - 1) <= settings.quietReturnRatio;
}

function quietLevels(life: Life, traffic: Traffic | null): number[] {
  if (traffic === null && isDaily(life)) return dailyLows(life);
  const isQuiet = traffic === null ? quietByMemory(life) : quietByTraffic(life, traffic);
  if (isQuiet === null) return [];
  const runs: { seconds: number; bytes: number[] }[] = [];
  let from: number | null = null;
  let bytes: number[] = [];
  for (const [seconds, each] of [...life.samples, [Number.POSITIVE_INFINITY, 0] as const]) {
    if (seconds !== Number.POSITIVE_INFINITY && isQuiet(seconds)) {
      from ??= seconds;
      bytes.push(each);
    } else if (from !== null) {
      runs.push({ seconds: Math.min(seconds, life.endSeconds) - from, bytes });
      from = null;
      bytes = [];
    }
  }
  return wholeRuns(runs).map((run) => quantile(run.bytes.slice(Math.floor(run.bytes.length / 2)), 0.5));
}

/** Quiet periods cut off by the start or the end of the life have not settled: only those of about full length. */
function wholeRuns(runs: readonly { seconds: number; bytes: number[] }[]): typeof runs {
  const usual = median(runs.map(({ seconds }) => seconds));
  return runs.filter(({ seconds, bytes }) => seconds >= WHOLE_RUN * usual && bytes.length >= FEWEST_SAMPLES);
}

/** The low tenth of every day from the end back; the first day may be cut short by an hour of starting. */
function dailyLows({ samples, endSeconds }: Life): number[] {
  const lows: number[] = [];
  const first = samples[0]?.[0] ?? endSeconds;
  for (let end = endSeconds; end - DAY_SECONDS >= first - DAY_SECONDS / 8; end -= DAY_SECONDS) {
    const day = samples.filter(([seconds]) => seconds > end - DAY_SECONDS && seconds <= end);
    if (day.length >= FEWEST_SAMPLES)
      lows.unshift(
        quantile(
          day.map(([, bytes]) => bytes),
          0.1,
        ),
      );
  }
  return lows;
}

function quietByTraffic(life: Life, traffic: Traffic): ((seconds: number) => boolean) | null {
  const rates = life.samples.map(([seconds]) => trafficAt(traffic, seconds));
  const low = quantile(rates, 0.1);
  const high = quantile(rates, 0.9);
  if (!(low < QUIET_SHARE * high)) return null;
  const threshold = (low + high) / 2 - (high - low) / 4;
  return (seconds) => trafficAt(traffic, seconds) <= threshold;
}

function quietByMemory(life: Life): ((seconds: number) => boolean) | null {
  if (life.samples.length < 2 * PHASE_BINS) return null;
  const span = ageSpan([life]);
  const points = toPoints(toBins([life], span, PHASE_BINS), 'median');
  const level = levelOf(points);
  const phases = findPhases(
    points,
    points.bytes.map((bytes) => bytes / level),
  );
  if (phases === null) return null;
  const half = median([span.seconds / points.bins]) / 2;
  return (seconds) => {
    const i = points.seconds.findIndex((centre) => Math.abs(centre - seconds) <= half);
    return i >= 0 && phases[i] === 0;
  };
}
