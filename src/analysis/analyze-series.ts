import { blindBelow } from './blind.ts';
import { burnOf } from './burn.ts';
import { type DeployFinding, judgeDeploy } from './deploy.ts';
import { isFileGrowth } from './file-growth.ts';
import { healthyProfile, isFilling, overBaseline } from './level.ts';
import { seenSince } from './lives.ts';
import { onsetOf } from './onset.ts';
import { fitPod, type PodFit, worstPod } from './pods.ts';
import { returnsInQuiet } from './quiet.ts';
import { renderReasons, type Told } from './reasons.ts';
import type { Burn, Interval, MemoryState, SeriesAnalysis, SeriesCase } from './series.ts';
import type { AnalysisSettings } from './settings.ts';
import { sloStateOf } from './slo.ts';
import { timeToLimit } from './time-to-limit.ts';
import { cleanTraffic, type Traffic } from './traffic.ts';
import { verdictOf } from './verdict.ts';
import { renderWouldChange } from './would-change.ts';

/**
 * Everything that a recorded RSS series tells: growth of the worst pod with a 95 % interval, leak or not and how
 * sure, onset, what the deploy did, time to the limit and SLO state. Pure: the same case gives the same answer.
 * Never throws on bad samples; what can't be told is null. The method is derived in docs/detection.md.
 */
export function analyzeSeries(seriesCase: SeriesCase, settings: AnalysisSettings): SeriesAnalysis {
  const traffic = cleanTraffic(seriesCase.traffic);
  const pods = seriesCase.pods.map((pod) => fitPod(pod, seriesCase, traffic, settings));
  const worst = worstPod(pods);
  const sloState = sloStateOf(seriesCase, settings);
  if (worst === null) return nothingSeen(sloState);
  const { pod, probability } = worst;
  const deploy = judgeDeploy(worst, seriesCase, settings);
  const state = stateOf(pod, probability, seriesCase, settings);
  const isGrowing = state === 'leak' || state === 'suspect';
  const onsetAt = isGrowing ? onset(pod, deploy) : null;
  const told: Told = {
    seriesCase,
    settings,
    worst: pod,
    pods: pods.map((each) => podVerdict(each, pods.length, seriesCase, settings)),
    state,
    probability,
    onsetAt,
    deploy,
    timeToLimit: isGrowing ? earliestLimit(pods, pod, seriesCase, traffic) : null,
    sloState,
    burn: state === 'leak' ? burn(pod, onsetAt, seriesCase, traffic, settings) : null,
    blind: blindBelow(pod, state, seriesCase.now),
    overBaselineRatio: overBaseline(pod, seriesCase),
    returnsInQuiet: returnsInQuiet(pod.current, traffic, settings),
  };
  return toAnalysis(told);
}

function toAnalysis(told: Told): SeriesAnalysis {
  const { worst, state, deploy, onsetAt } = told;
  const { fit } = worst;
  return {
    verdict: verdictOf({ ...told, isLimitSoon: isLimitSoon(told) }),
    state,
    leaking: leakingOf(state),
    probability: told.probability,
    pod: worst.pod,
    pods: told.pods,
    growth:
      fit === null
        ? null
        : {
            bytesPerHour: fit.bytesPerHour.estimate,
            low: fit.bytesPerHour.low,
            high: fit.bytesPerHour.high,
            windowSeconds: fit.windowSeconds,
            samples: fit.samples,
          },
    timeToLimitSeconds: told.timeToLimit,
    onset: onsetAt === null ? null : { atSeconds: onsetAt },
    deploy: deploy === null ? null : { isChangePoint: deploy.isChangePoint, rollback: rollbackOf(deploy, told) },
    returnsInQuiet: told.returnsInQuiet,
    sloState: told.sloState,
    burn: told.burn,
    overBaselineRatio: told.overBaselineRatio,
    reasons: renderReasons(told),
    wouldChange: renderWouldChange(told),
  };
}

/** Files that a release maps are its way to work, as long as nobody looked which pages they are. */
function rollbackOf({ rollback }: DeployFinding, { worst, seriesCase }: Told): DeployFinding['rollback'] {
  return rollback === 'yes' && isFileGrowth(worst, seriesCase.now) ? 'need-more-evidence' : rollback;
}

function isLimitSoon({ timeToLimit: limit, settings }: Told): boolean {
  return limit !== null && limit.low < settings.reactionSeconds;
}

function nothingSeen(sloState: SeriesAnalysis['sloState']): SeriesAnalysis {
  return {
    verdict: sloState === null || sloState === 'ok' ? 'inconclusive' : sloState,
    state: 'inconclusive',
    leaking: null,
    probability: null,
    pod: null,
    pods: [],
    growth: null,
    timeToLimitSeconds: null,
    onset: null,
    deploy: null,
    returnsInQuiet: null,
    sloState,
    burn: null,
    overBaselineRatio: null,
    reasons: ['No instance was recorded'],
    wouldChange: ['Samples of at least one instance are needed'],
  };
}

function stateOf(
  pod: PodFit,
  probability: number | null,
  seriesCase: SeriesCase,
  settings: AnalysisSettings,
): MemoryState {
  if (pod.fit === null || probability === null) return 'inconclusive';
  if (pod.fit.windowSeconds + settings.startUpSeconds < settings.tooFreshSeconds) return 'inconclusive';
  if (probability <= settings.suspectProbability) return 'healthy';
  if (isFilling(pod, seriesCase, settings)) return 'filling';
  if (probability <= settings.leakProbability || isFileGrowth(pod, seriesCase.now)) return 'suspect';
  const [life] = pod.current;
  const watched = life === undefined ? 0 : seriesCase.now - seenSince(life);
  return watched < settings.matureSeconds && healthyProfile(pod, seriesCase, settings) === null ? 'suspect' : 'leak';
}

function leakingOf(state: MemoryState): boolean | null {
  if (state === 'inconclusive' || state === 'suspect') return null;
  return state === 'leak';
}

function podVerdict(
  pod: PodFit,
  many: number,
  seriesCase: SeriesCase,
  settings: AnalysisSettings,
): SeriesAnalysis['pods'][number] {
  const probability = pod.fit === null ? null : pod.fit.probability ** many;
  return { pod: pod.pod, probability, leaking: leakingOf(stateOf(pod, probability, seriesCase, settings)) };
}

/** Growth that the release before had too began with that one. */
function onset(pod: PodFit, deploy: DeployFinding | null): number | null {
  if (deploy?.cause === 'old-alike' && deploy.old !== null) return onsetOf(deploy.old);
  return pod.fit === null ? null : onsetOf(pod.fit);
}

/** Of the pods that grow as surely as the worst one: the first to die. */
function earliestLimit(
  pods: readonly PodFit[],
  worst: PodFit,
  { limitBytes, now }: SeriesCase,
  traffic: Traffic | null,
): Interval | null {
  if (limitBytes === null || !(limitBytes > 0) || worst.fit === null) return null;
  const sure = Math.min(worst.fit.probability, 0.97);
  let earliest: Interval | null = null;
  for (const { fit } of pods) {
    if (fit === null || fit.probability < sure) continue;
    const next = timeToLimit(fit, { limitBytes, now, onsetAt: onsetOf(fit), traffic });
    if (next !== null && (earliest === null || next.estimate < earliest.estimate)) earliest = next;
  }
  return earliest;
}

/** Growth budgets are ratios of the baseline; without one, of the level itself. */
function burn(
  { fit }: PodFit,
  onsetAt: number | null,
  { sloBaselineBytes, now }: SeriesCase,
  traffic: Traffic | null,
  settings: AnalysisSettings,
): Burn | null {
  if (fit === null || onsetAt === null) return null;
  const budgetBytes = sloBaselineBytes !== null && sloBaselineBytes > 0 ? sloBaselineBytes : fit.levelBytes;
  return burnOf(fit, { budgetBytes, onsetAt, now, traffic }, settings);
}
