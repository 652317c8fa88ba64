import type { Baseline } from '../../analysis/baseline.ts';
import type { ServiceMemory } from '../../analysis/memory.ts';
import type { SeriesAnalysis, SeriesCase } from '../../analysis/series.ts';
import { runningRelease } from '../../analysis/to-series-case.ts';
import type { CompareFinding } from '../../incident/step-result.ts';
import { formatBytes, formatDuration, formatRatio } from '../../units.ts';
import type { StepContext, StepOutcome } from '../context.ts';
import { notDone } from './not-done.ts';

/** `compare`: the level against the healthy baseline at the same age of process, and since when and which release it grows. */
export async function compare({ analyze }: StepContext): Promise<StepOutcome> {
  const answer = await analyze();
  if (answer.outcome !== 'ok') return notDone(answer);
  const { memory, baseline, seriesCase, analysis } = answer.value;
  if (!memory.instances.some(({ endedAt, samples }) => endedAt === null && samples.length > 0)) {
    // What ended grows no more, and how it grew is no finding about what starts next.
    return { outcome: 'inconclusive', note: 'not done: nothing that runs was seen', finding: null };
  }
  const finding = toFinding(memory, baseline, seriesCase, analysis);
  return { outcome: analysis.verdict === 'inconclusive' ? 'inconclusive' : 'ok', note: describe(finding), finding };
}

function toFinding(
  memory: ServiceMemory,
  baseline: Baseline | null,
  seriesCase: SeriesCase,
  analysis: SeriesAnalysis,
): CompareFinding {
  const { release, previousRelease, deployedAt } = toReleases(memory, baseline);
  const worst = seriesCase.pods.find((pod) => pod.pod === analysis.pod) ?? null;
  return {
    kind: 'compare',
    baseline:
      baseline === null
        ? null
        : {
            bytes: baseline.bytes,
            release: baseline.release,
            recordedAt: baseline.recordedAt,
            deltaRatio: analysis.overBaselineRatio,
          },
    worstInstance: worst?.pod ?? null,
    worstBytes: worst?.samples.at(-1)?.[1] ?? null,
    release,
    previousRelease,
    deployedAt: deployedAt === null ? null : toTime(deployedAt),
    onset: toOnset(memory, analysis),
    analysis: {
      verdict: analysis.verdict,
      state: analysis.state,
      probability: analysis.probability,
      growth: analysis.growth,
      timeToLimitSeconds: analysis.timeToLimitSeconds,
      deploy: analysis.deploy,
      sloState: analysis.sloState,
      overBaselineRatio: analysis.overBaselineRatio,
      returnsInQuiet: analysis.returnsInQuiet,
      reasons: [...analysis.reasons],
      wouldChange: [...analysis.wouldChange],
    },
  };
}

/**
 * What runs and what ran before it. A deploy that failed, or that was only told yet, is neither; one of the same release
 * again is no other release. Without a deploy before it, the baseline's release ran before, unless something ran whose
 * release is not known.
 */
function toReleases(memory: ServiceMemory, baseline: Baseline | null) {
  const { deploys, instances } = memory;
  const release = runningRelease(memory) ?? deploys.at(-1)?.release ?? null;
  const at = deploys.findLastIndex((deploy) => deploy.release === release);
  const before = deploys.slice(0, Math.max(0, at)).findLast((deploy) => deploy.release !== release);
  const isOther = baseline !== null && baseline.release !== release;
  const isUnknown = release !== null && instances.some((instance) => instance.release === null);
  return {
    release,
    previousRelease: before?.release ?? (isOther && !isUnknown ? baseline.release : null),
    deployedAt: deploys[at]?.at ?? null,
  };
}

/** Deploys of releases that some process showed; all that were told of, where processes don't tell their release. */
function shownDeploys({ deploys, instances }: ServiceMemory): ServiceMemory['deploys'] {
  if (instances.some(({ endedAt, release }) => endedAt === null && release === null)) return deploys;
  return deploys.filter((deploy) => instances.some(({ release }) => release === deploy.release));
}

/** Since when it grows, and the release that ran then. */
function toOnset(memory: ServiceMemory, analysis: SeriesAnalysis): CompareFinding['onset'] {
  if (analysis.onset === null) return null;
  const at = analysis.onset.atSeconds;
  const deploy = shownDeploys(memory).findLast((one) => one.at <= at) ?? null;
  // Without its start, a process is known from its first sample on, which is no deploy.
  const isSeenLate = memory.instances.some(
    ({ startedAt, samples }) => startedAt === null && samples[0]?.[0] === deploy?.at,
  );
  return {
    at: toTime(at),
    release: deploy?.release ?? null,
    afterDeploySeconds: deploy === null || isSeenLate ? null : at - deploy.at,
  };
}

function toTime(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString();
}

function describe({ baseline, release, onset, analysis }: CompareFinding): string {
  const level =
    baseline === null
      ? 'no healthy baseline is known yet'
      : `baseline ${formatBytes(baseline.bytes)} (${baseline.release ?? 'release unknown'})` +
        (baseline.deltaRatio === null ? '' : `, now ${formatRatio(baseline.deltaRatio)}`);
  const since =
    onset === null
      ? ''
      : `; grows since ${onset.at.slice(0, 16).replace('T', ' ')} UTC` +
        (onset.afterDeploySeconds === null || onset.release === null
          ? ''
          : `, ${formatDuration(onset.afterDeploySeconds)} after ${onset.release}`);
  const state = analysis.verdict === 'inconclusive' ? `; can't tell: ${analysis.reasons[0] ?? 'too little data'}` : '';
  return `${level}${release === null ? '' : `, running ${release}`}${since}${state}`;
}
