import { analyzeSeries } from '../analysis/analyze-series.ts';
import type { Baseline } from '../analysis/baseline.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { Policy } from '../analysis/policy.ts';
import { splitSeen } from '../analysis/seen.ts';
import type { SeriesAnalysis } from '../analysis/series.ts';
import { type AnalysisSettings, settingsFrom } from '../analysis/settings.ts';
import { runningRelease, toSeriesCase } from '../analysis/to-series-case.ts';
import type { WatchLook } from './hysteresis.ts';

export type Judged = {
  signs: WatchLook['signs'];
  /** One plain sentence: the finding that decides. */
  why: string;
  /** The release that runs now. */
  release: string | null;
  state: SeriesAnalysis['state'];
  growth: SeriesAnalysis['growth'];
};

/** What the recorded memory of a service says at one moment, epoch seconds. Pure: live watching and replay share it. */
export function judgeMemory(given: {
  memory: ServiceMemory;
  baseline: Baseline | null;
  policy: Policy;
  nowSeconds: number;
}): Judged {
  const { policy, nowSeconds } = given;
  const { memory } = splitSeen(given.memory, nowSeconds);
  const running = memory.instances.filter(({ endedAt, samples }) => endedAt === null && samples.length > 0);
  if (running.length === 0) return nothingRuns(memory, policy, nowSeconds);
  const settings = settingsFrom(policy);
  const analysis = analyzeSeries(toSeriesCase({ ...given, memory }), settings);
  return {
    signs: toSigns(analysis, presentBytes(analysis.pod, running), settings),
    why: analysis.reasons[0] ?? analysis.state,
    release: runningRelease(memory),
    state: analysis.state,
    growth: analysis.growth,
  };
}

/** Ended processes grow no more; but when the OOM killer ended them, that counts whether or not one runs again. */
function nothingRuns({ oomKillsAt, instances }: ServiceMemory, { critical }: Policy, nowSeconds: number): Judged {
  const since = nowSeconds - critical.withinSeconds;
  const kills = (oomKillsAt ?? []).filter((at) => at > since && at <= nowSeconds).length;
  const isCritical = kills >= critical.oomKills;
  return {
    signs: isCritical ? ['critical'] : null,
    why: isCritical ? `${kills} OOM kills, and no instance runs` : 'no instance runs',
    release: instances.at(-1)?.release ?? null,
    state: 'inconclusive',
    growth: null,
  };
}

/**
 * The early end of the time to the limit is early for every service with high peaks: somebody is called at once only
 * where what is expected is near too. In reaction times.
 */
const SOON_EXPECTED = 1.5;

function isLimitSoon({ timeToLimitSeconds: limit }: SeriesAnalysis, { reactionSeconds }: AnalysisSettings): boolean {
  return limit !== null && limit.low < reactionSeconds && limit.estimate < SOON_EXPECTED * reactionSeconds;
}

/** From this probability on a fast leak is told with half the patience: chosen together with it (`pace.ts`). */
const ALL_BUT_CERTAIN = 0.97;

/** The lower end of growth exceeds what the policy allows in an hour, as a share of what the instance holds now. */
function isFast({ growth, probability }: SeriesAnalysis, bytes: number | null, { policy }: AnalysisSettings): boolean {
  if (growth === null || bytes === null || (probability ?? 0) < ALL_BUT_CERTAIN) return false;
  return growth.low > policy.growth.perHourRatio * bytes;
}

/** Latest sample of the instance that the analysis named. */
function presentBytes(pod: string | null, running: ServiceMemory['instances']): number | null {
  return running.find(({ instance }) => instance === pod)?.samples.at(-1)?.[1] ?? null;
}

function toSigns(analysis: SeriesAnalysis, bytes: number | null, settings: AnalysisSettings): Judged['signs'] {
  const { verdict, state, sloState } = analysis;
  const isLeak = state === 'leak';
  const isSoon = isLeak && isLimitSoon(analysis, settings);
  const isOver = sloState === 'critical' || sloState === 'warning';
  const signs = [
    ...(sloState === 'critical' || isSoon ? (['critical'] as const) : []),
    ...(isLeak && verdict === 'critical' ? (['leak'] as const) : []),
    ...(isLeak && isFast(analysis, bytes, settings) ? (['fast-leak'] as const) : []),
    ...(isLeak ? (['slow-leak'] as const) : []),
    ...(isOver ? (['warning'] as const) : []),
    ...(isLeak || state === 'suspect' ? (['suspect'] as const) : []),
  ];
  return signs.length === 0 && verdict === 'inconclusive' ? null : signs;
}
