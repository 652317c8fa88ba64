import type { Policy } from '../analysis/policy.ts';
import type { Verdict } from '../analysis/series.ts';
import type { Confidence, LeakPattern, LeakPatternName } from '../analysis/snapshot.ts';
import type { KillCount } from '../incident/most-kills.ts';
import type { CaptureFinding, CompareFinding } from '../incident/step-result.ts';
import type { Recommendation, RecommendedAction } from '../report/report.ts';
import { formatDuration, formatRate } from '../units.ts';
import { decide } from './decision-table.ts';
import { type Situation, URGENT_SECONDS } from './situation.ts';

export type Findings = {
  capture: CaptureFinding | null;
  compare: CompareFinding | null;
  pattern: LeakPattern | null;
  /** OOM kills as far as anybody saw them; absent: those of `capture`. */
  kills?: KillCount | null;
};

/** The verdict by policy and the recommendation by the decision table, with the reasons in the order of their weight. */
export function recommend(findings: Findings, policy: Policy): { verdict: Verdict; recommendation: Recommendation } {
  const situation = toSituation(findings, policy);
  const row = decide(situation);
  const { compare, pattern } = findings;
  const isRollback = row.action === 'rollback';
  return {
    verdict: toVerdict(findings, situation, policy),
    recommendation: {
      action: row.action,
      from: isRollback ? (compare?.release ?? null) : null,
      to: isRollback ? (compare?.previousRelease ?? null) : null,
      confidence: toConfidence(row.action, situation, findings),
      reasons: [
        row.because,
        ...unseenReasons(findings, policy),
        ...(compare?.analysis.reasons ?? [whyNotCompared(findings)]),
        ...oomReasons(findings, policy),
        ...(pattern?.evidence ?? []).slice(0, 2),
      ],
      wouldChange: unique([...row.wouldChange, ...(compare?.analysis.wouldChange ?? [])]),
    },
  };
}

/** What the decision table needs, from the findings of the steps. What is missing makes the situation less certain. */
export function toSituation(findings: Findings, policy: Policy): Situation {
  const { compare, pattern } = findings;
  const analysis = compare?.analysis;
  const low = analysis?.timeToLimitSeconds?.low;
  return {
    state: isHealthUnseen(findings, policy) ? 'inconclusive' : (analysis?.state ?? 'inconclusive'),
    slo: analysis?.sloState ?? null,
    began: toBegan(compare),
    previousIsHealthy:
      compare?.baseline != null &&
      compare.previousRelease !== null &&
      compare.baseline.release === compare.previousRelease,
    pattern: pattern?.name ?? null,
    urgent: isKilledRepeatedly(findings, policy) || (low !== undefined && low < URGENT_SECONDS),
  };
}

function toBegan(compare: CompareFinding | null): Situation['began'] {
  if (compare === null || compare.analysis.deploy === null) return 'unknown';
  switch (compare.analysis.deploy.rollback) {
    case 'yes':
      return 'with-this-release';
    case 'no':
      return 'before-this-release';
    case 'need-more-evidence':
      return 'too-early-to-tell';
  }
}

/**
 * A process that nobody recorded was only watched for a moment (`--watch`), and in a moment slow growth can't be seen.
 * It counts as healthy when the interval of its growth stays within the allowed growth an hour; until then it can't be told.
 */
function isHealthUnseen({ capture, compare }: Findings, policy: Policy): boolean {
  if (capture?.source !== 'watch' || compare?.analysis.verdict !== 'healthy') return false;
  const { growth } = compare.analysis;
  return (
    growth === null || compare.worstBytes === null || growth.high > policy.growth.perHourRatio * compare.worstBytes
  );
}

function unseenReasons(findings: Findings, policy: Policy): string[] {
  const growth = findings.compare?.analysis.growth;
  if (growth == null || !isHealthUnseen(findings, policy)) return [];
  const seen = formatDuration(growth.windowSeconds);
  return [`Watched for ${seen} only: growth of up to ${formatRate(growth.high)} would not be seen yet`];
}

/** The analysis' verdict, raised to critical by repeated OOM kills: those need no statistics. */
function toVerdict(findings: Findings, situation: Situation, policy: Policy): Verdict {
  if (isKilledRepeatedly(findings, policy)) return 'critical';
  if (isHealthUnseen(findings, policy)) return 'inconclusive';
  const verdict = findings.compare?.analysis.verdict ?? 'inconclusive';
  return verdict === 'warning' && situation.state === 'leak' && situation.urgent ? 'critical' : verdict;
}

/** Patterns that another release would have too. */
const NOT_THE_RELEASE: readonly LeakPatternName[] = ['load-driven', 'warm-up', 'fragmentation'];

/**
 * `high` needs two independent witnesses: the series (probability above .97, stricter than the .92 that make a leak) and
 * the live process (a pattern that is named with at least medium confidence). One witness is `medium`.
 */
function toConfidence(action: RecommendedAction, situation: Situation, { compare, pattern }: Findings): Confidence {
  if (situation.state === 'inconclusive' || compare === null) return 'low';
  if (action === 'none') return situation.state === 'healthy' && situation.slo !== null ? 'high' : 'medium';
  const seriesIsSure = (compare.analysis.probability ?? 0) > 0.97;
  const patternIsNamed =
    pattern !== null && pattern.confidence !== 'low' && pattern.name !== 'none' && pattern.name !== 'inconclusive';
  // A witness against the advice is none for it: memory that follows the load is not cured by another release.
  if (patternIsNamed && action === 'rollback' && NOT_THE_RELEASE.includes(pattern.name)) return 'low';
  if (seriesIsSure && patternIsNamed) return 'high';
  return seriesIsSure || patternIsNamed ? 'medium' : 'low';
}

function whyNotCompared({ capture }: Findings): string {
  if (capture === null) return 'the recorded memory could not be read';
  return capture.instances.length === 0
    ? 'no instance of the service runs, or none was seen for long'
    : 'the recorded memory could not be compared';
}

function killsOf({ capture, kills }: Findings): KillCount | null {
  return kills === undefined ? (capture?.oomKills ?? null) : kills;
}

function isKilledRepeatedly(findings: Findings, policy: Policy): boolean {
  return (killsOf(findings)?.count ?? 0) >= policy.critical.oomKills;
}

function oomReasons(findings: Findings, policy: Policy): string[] {
  const kills = killsOf(findings);
  if (kills === null || kills.count === 0) return [];
  const times = kills.count === 1 ? '1 OOM kill' : `${kills.count} OOM kills`;
  return [`${times} in ${formatDuration(kills.windowSeconds)} (critical from ${policy.critical.oomKills})`];
}

function unique(lines: readonly string[]): string[] {
  return [...new Set(lines)];
}
