import { formatDuration, formatRatio } from '../units.ts';
import { analyzeSeries } from './analyze-series.ts';
import type { Baseline } from './baseline.ts';
import { cleanSamples } from './lives.ts';
import type { InstanceMemory, ServiceMemory } from './memory.ts';
import { baselineWindowSeconds, type Policy } from './policy.ts';
import { quantileOfSorted, sorted } from './quantiles.ts';
import { splitSeen } from './seen.ts';
import type { Sample, SeriesAnalysis } from './series.ts';
import { type AnalysisSettings, settingsFrom } from './settings.ts';
import { runningRelease, toSeriesCase } from './to-series-case.ts';

/** The measured part of a baseline; whoever records it adds service, time, source and census. */
export type BaselineRecord = Omit<Baseline, 'schema' | 'service' | 'recordedAt' | 'source' | 'setBy' | 'census'>;

const PROFILE_POINTS = 200;
/** A window shorter than a day can't show the daily budget: growth up to this share of a life is its resolution. */
const RESOLUTION_RATIO = 0.03;

/**
 * The running release's memory as a baseline, or why it is none (a plain sentence). It qualifies when every
 * running instance has gone through the warm-up and a full window, nothing was OOM-killed, the SLO held against the
 * baseline in force, and the upper end of the growth interval is within the allowed growth.
 */
export function considerBaseline(given: {
  memory: ServiceMemory;
  policy: Policy;
  nowSeconds: number;
  current: Baseline | null;
}): { record: BaselineRecord } | { refused: string } {
  const { memory, policy, nowSeconds, current } = given;
  const running = newestRelease(memory);
  const release = running[0]?.release ?? null;
  const early =
    refuseAge(running, policy, nowSeconds) ?? refuseKills(memory, release) ?? refuseRepeat(running, memory, current);
  if (early !== null) return { refused: early };

  const settings = settingsFrom(policy);
  const analysis = analyzeSeries(toSeriesCase({ memory, baseline: current, policy, nowSeconds }), settings);
  const late = refuseGrowth(analysis, running, policy, settings);
  if (late !== null) return { refused: late };
  return { record: toRecord(running, memory, analysis, { policy, nowSeconds }) };
}

/**
 * The running release's present memory as a baseline because a person says that it is healthy: nothing is asked but
 * that something runs and was sampled. The growth is recorded as it is measured.
 */
export function measureBaseline(given: {
  memory: ServiceMemory;
  policy: Policy;
  nowSeconds: number;
}): { record: BaselineRecord } | { refused: string } {
  const { policy, nowSeconds } = given;
  const { memory } = splitSeen(given.memory, nowSeconds);
  const running = newestRelease(memory);
  const isUsable = running.some(({ samples }) => cleanSamples(samples, nowSeconds).length > 0);
  if (!isUsable) return { refused: running.length === 0 ? 'no instance runs' : 'no sample of it can be used' };
  const settings = settingsFrom(policy);
  const analysis = analyzeSeries(toSeriesCase({ memory, baseline: null, policy, nowSeconds }), settings);
  return { record: toRecord(running, memory, analysis, { policy, nowSeconds }) };
}

/** Running instances of the release that was deployed last. */
function newestRelease(memory: ServiceMemory): InstanceMemory[] {
  const release = runningRelease(memory);
  return memory.instances.filter((one) => one.endedAt === null && one.samples.length > 0 && one.release === release);
}

function startOf({ startedAt, samples }: InstanceMemory): number {
  return startedAt ?? samples[0]?.[0] ?? 0;
}

function refuseAge(running: readonly InstanceMemory[], policy: Policy, nowSeconds: number): string | null {
  const needed = policy.warmUpSeconds + baselineWindowSeconds(policy);
  if (running.length === 0) return 'no instance runs';
  for (const instance of running) {
    const age = nowSeconds - startOf(instance);
    if (age < needed) {
      return `${instance.instance} has run for ${formatDuration(age)} of the ${formatDuration(needed)} that a baseline needs`;
    }
    // Watched, not only running: samples from before the window on, and up to about now.
    const watched = nowSeconds - (instance.samples[0]?.[0] ?? nowSeconds);
    const stale = nowSeconds - (instance.samples.at(-1)?.[0] ?? 0);
    if (watched < baselineWindowSeconds(policy) || stale > policy.warning.forSeconds) {
      return `${instance.instance} was not watched over a full window of ${formatDuration(baselineWindowSeconds(policy))}`;
    }
  }
  return null;
}

function refuseKills(memory: ServiceMemory, release: string | null): string | null {
  const ofRelease = memory.instances.filter((instance) => instance.release === release);
  const since = Math.min(...ofRelease.map(startOf));
  const killed =
    ofRelease.some(({ endReason }) => endReason === 'oom') || (memory.oomKillsAt ?? []).some((at) => at >= since);
  return killed ? 'an instance of the release was OOM-killed' : null;
}

function refuseRepeat(
  running: readonly InstanceMemory[],
  memory: ServiceMemory,
  current: Baseline | null,
): string | null {
  const release = running[0]?.release ?? null;
  const isSame = current !== null && current.release === release && current.limitBytes === memory.limitBytes;
  return isSame ? `${release ?? 'the running release'} is the baseline already` : null;
}

function refuseGrowth(
  analysis: SeriesAnalysis,
  running: readonly InstanceMemory[],
  policy: Policy,
  settings: AnalysisSettings,
): string | null {
  const { growth, state, probability, sloState } = analysis;
  if (growth === null || probability === null) return 'growth could not be measured';
  const isCalm = state === 'healthy' && probability <= settings.unclearProbability;
  if (!isCalm) return `memory is not healthy for certain: ${analysis.reasons[0] ?? state}`;
  if (sloState === 'warning' || sloState === 'critical') return `over the ${sloState} budget of the baseline in force`;
  const level = levelOf(running);
  const hours = growth.windowSeconds / 3600;
  const allowed = Math.max(policy.growth.perDayRatio / 24, RESOLUTION_RATIO / hours);
  const grows = growth.high / level;
  if (grows <= allowed) return null;
  return `growth may be up to ${formatRatio(grows)} an hour, ${formatRatio(allowed)} is allowed`;
}

function levelOf(running: readonly InstanceMemory[]): number {
  return quantileOfSorted(sorted(running.map(({ samples }) => samples.at(-1)?.[1] ?? 0)), 0.5);
}

function toRecord(
  running: readonly InstanceMemory[],
  memory: ServiceMemory,
  analysis: SeriesAnalysis,
  { policy, nowSeconds }: { policy: Policy; nowSeconds: number },
): BaselineRecord {
  const aged = running.flatMap((instance) =>
    cleanSamples(instance.samples, nowSeconds).map(([at, bytes]): Sample => [at - startOf(instance), bytes]),
  );
  const warm = aged.filter(([age]) => age >= policy.warmUpSeconds);
  // All of it where a person sets the baseline of processes that are still young.
  const steady = sorted((warm.length > 0 ? warm : aged).map(([, bytes]) => bytes));
  return {
    release: running[0]?.release ?? null,
    bytes: quantileOfSorted(steady, 0.5),
    spreadBytes: (quantileOfSorted(steady, 0.9) - quantileOfSorted(steady, 0.1)) / 2,
    profile: toProfile(aged),
    growthBytesPerHour: analysis.growth?.bytesPerHour ?? null,
    windowSeconds: Math.max(0, aged.reduce((oldest, [age]) => Math.max(oldest, age), 0) - policy.warmUpSeconds),
    instances: running.length,
    limitBytes: memory.limitBytes,
  };
}

/** Median level by age of process, at most 200 points. Early ages are the finer ones: levels change there. */
function toProfile(aged: readonly Sample[]): Baseline['profile'] {
  const ordered = aged.toSorted((a, b) => a[0] - b[0]);
  const size = Math.ceil(ordered.length / PROFILE_POINTS);
  const profile: Baseline['profile'] = [];
  for (let from = 0; from < ordered.length; from += size) {
    const part = ordered.slice(from, from + size);
    const middle = (values: readonly number[]) => quantileOfSorted(sorted(values), 0.5);
    profile.push([middle(part.map(([age]) => age)), middle(part.map(([, bytes]) => bytes))]);
  }
  return profile;
}
