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
  const isQuiet = traffic === null ? quietByMemory(life) : quietByTraffic(life, traffic);
  if (isQuiet === null) return [];
  const levels: number[] = [];
  let run: number[] = [];
  for (const [seconds, bytes] of [...life.samples, [Number.NaN, 0] as const]) {
    if (isQuiet(seconds)) {
      run.push(bytes);
    } else {
      if (run.length >= FEWEST_SAMPLES) levels.push(quantile(run.slice(Math.floor(run.length / 2)), 0.25));
      run = [];
    }
  }
  return levels;
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
