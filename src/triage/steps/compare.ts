import type { Baseline } from '../../analysis/baseline.ts';
import type { ServiceMemory } from '../../analysis/memory.ts';
import type { SeriesAnalysis, SeriesCase } from '../../analysis/series.ts';
import type { CompareFinding } from '../../incident/step-result.ts';
import { formatBytes, formatDuration, formatRatio } from '../../units.ts';
import type { StepContext, StepOutcome } from '../context.ts';
import { notDone } from './not-done.ts';

/** `compare`: the level against the healthy baseline at the same age of process, and since when and which release it grows. */
export async function compare({ analyze }: StepContext): Promise<StepOutcome> {
  const answer = await analyze();
  if (answer.outcome !== 'ok') return notDone(answer);
  const { memory, baseline, seriesCase, analysis } = answer.value;
  const finding = toFinding(memory, baseline, seriesCase, analysis);
  return { outcome: analysis.verdict === 'inconclusive' ? 'inconclusive' : 'ok', note: describe(finding), finding };
}

function toFinding(
  memory: ServiceMemory,
  baseline: Baseline | null,
  seriesCase: SeriesCase,
  analysis: SeriesAnalysis,
): CompareFinding {
  const releases = memory.deploys.map((deploy) => deploy.release);
  const deploy = memory.deploys.at(-1) ?? null;
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
    release: deploy?.release ?? null,
    previousRelease: releases.at(-2) ?? (baseline?.release === deploy?.release ? null : (baseline?.release ?? null)),
    deployedAt: deploy === null ? null : toTime(deploy.at),
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

/** Since when it grows, and the release that ran then. */
function toOnset(memory: ServiceMemory, analysis: SeriesAnalysis): CompareFinding['onset'] {
  if (analysis.onset === null) return null;
  const at = analysis.onset.atSeconds;
  const release = memory.deploys.findLast((deploy) => deploy.at <= at) ?? null;
  return {
    at: toTime(at),
    release: release?.release ?? null,
    afterDeploySeconds: release === null ? null : at - release.at,
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
      : `; grows since ${onset.at.slice(11, 19)} UTC` +
        (onset.afterDeploySeconds === null || onset.release === null
          ? ''
          : `, ${formatDuration(onset.afterDeploySeconds)} after ${onset.release}`);
  const state = analysis.verdict === 'inconclusive' ? `; can't tell: ${analysis.reasons[0] ?? 'too little data'}` : '';
  return `${level}${release === null ? '' : `, running ${release}`}${since}${state}`;
}
