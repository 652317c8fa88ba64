import type { Incident } from '../incident/incident.ts';
import { mostKills } from '../incident/most-kills.ts';
import type { CaptureFinding, Finding, StepResult } from '../incident/step-result.ts';
import type { Report } from './report.ts';

/**
 * The report of the steps that were run. Steps that failed are lines in it; what they did not find is null.
 * `killsWithinSeconds`: the policy's, for kills that only alerts told of.
 */
export function buildReport(
  incident: Incident,
  results: readonly StepResult[],
  { generatedAt, killsWithinSeconds }: { generatedAt: string; killsWithinSeconds: number },
): Report {
  const capture = findingOf(results, 'capture');
  const compare = findingOf(results, 'compare');
  const snapshot = findingOf(results, 'snapshot')?.snapshot ?? null;
  const evaluate = findingOf(results, 'evaluate');
  const moves = findingOf(results, 'moves')?.moves;
  return {
    schema: 1,
    incident: incident.id,
    service: incident.service,
    site: incident.site,
    generatedAt,
    verdict: evaluate?.verdict ?? 'inconclusive',
    recommendation: evaluate?.recommendation ?? {
      action: 'investigate',
      from: null,
      to: null,
      confidence: 'low',
      reasons: ['the evaluation itself did not run; see the steps'],
      wouldChange: ['running the triage again'],
    },
    rss: {
      // Without a capture nothing runs: what an ended instance held last is not what the service holds.
      bytes: capture === null ? null : (compare?.worstBytes ?? capture.instances[0]?.bytes ?? null),
      limitBytes: capture?.limitBytes ?? null,
      instances: capture?.instances ?? [],
    },
    growth: compare?.analysis.growth ?? capture?.growth ?? null,
    timeToLimitSeconds: compare?.analysis.timeToLimitSeconds ?? null,
    baseline: compare?.baseline ?? null,
    onset: compare?.onset ?? null,
    oomKills: mostKills(capture?.oomKills ?? null, incident.alerts, {
      nowMs: Date.parse(generatedAt),
      windowSeconds: killsWithinSeconds,
    }),
    snapshot,
    pattern: evaluate?.pattern ?? null,
    steps: results.map(({ step, outcome, seconds, note }) => ({ step, outcome, seconds, note })),
    data: { source: capture?.source ?? 'none', ageSeconds: capture === null ? null : ageOf(capture, generatedAt) },
    ...(moves === undefined ? {} : { moves }),
    checks: results.flatMap(({ finding }) => {
      if (finding?.kind !== 'check') return [];
      const { title, text, links } = finding;
      return [{ title, text, links }];
    }),
  };
}

/** A walk that another bot took up again hours later has the figures of its first steps: they are that much older. */
function ageOf({ dataAgeSeconds, readAt }: CaptureFinding, generatedAt: string): number | null {
  if (dataAgeSeconds === null || readAt === undefined) return dataAgeSeconds;
  return dataAgeSeconds + Math.max(0, Date.parse(generatedAt) - Date.parse(readAt)) / 1000;
}

/** The finding of one kind among the results, or null. */
export function findingOf<K extends Finding['kind']>(
  results: readonly StepResult[],
  kind: K,
): Extract<Finding, { kind: K }> | null {
  for (const { finding } of results) {
    if (finding !== null && isKind(finding, kind)) return finding;
  }
  return null;
}

function isKind<K extends Finding['kind']>(finding: Finding, kind: K): finding is Extract<Finding, { kind: K }> {
  return finding.kind === kind;
}
