import { analyzeSeries } from '../analysis/analyze-series.ts';
import type { Baseline } from '../analysis/baseline.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { Policy } from '../analysis/policy.ts';
import type { SeriesAnalysis } from '../analysis/series.ts';
import { settingsFrom } from '../analysis/settings.ts';
import { toSeriesCase } from '../analysis/to-series-case.ts';
import type { Sign } from './hysteresis.ts';

export type Judged = {
  sign: Sign;
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
  const { memory, policy, nowSeconds } = given;
  const running = memory.instances.filter(({ endedAt, samples }) => endedAt === null && samples.length > 0);
  if (running.length === 0) return nothingRuns(memory, policy, nowSeconds);
  const analysis = analyzeSeries(toSeriesCase(given), settingsFrom(policy));
  const newest = running.reduce((latest, each) => (startOf(each) > startOf(latest) ? each : latest));
  return {
    sign: toSign(analysis),
    why: analysis.reasons[0] ?? analysis.state,
    release: newest.release,
    state: analysis.state,
    growth: analysis.growth,
  };
}

function startOf({ startedAt, samples }: ServiceMemory['instances'][number]): number {
  return startedAt ?? samples[0]?.[0] ?? 0;
}

/** Ended processes grow no more; but when the OOM killer ended them, that counts whether or not one runs again. */
function nothingRuns({ oomKillsAt, instances }: ServiceMemory, { critical }: Policy, nowSeconds: number): Judged {
  const since = nowSeconds - critical.withinSeconds;
  const kills = (oomKillsAt ?? []).filter((at) => at > since && at <= nowSeconds).length;
  const isCritical = kills >= critical.oomKills;
  return {
    sign: isCritical ? 'critical' : 'unknown',
    why: isCritical ? `${kills} OOM kills, and no instance runs` : 'no instance runs',
    release: instances.at(-1)?.release ?? null,
    state: 'inconclusive',
    growth: null,
  };
}

function toSign({ verdict, state }: SeriesAnalysis): Sign {
  if (verdict === 'critical') return 'critical';
  if (state === 'leak') return 'leak';
  if (verdict === 'warning') return 'warning';
  return verdict === 'healthy' ? 'calm' : 'unknown';
}
