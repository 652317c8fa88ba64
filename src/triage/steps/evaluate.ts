import { classifyPattern } from '../../analysis/pattern.ts';
import { mostKills } from '../../incident/most-kills.ts';
import { recommend } from '../../recommendation/recommend.ts';
import { findingOf } from '../../report/build-report.ts';
import type { StepContext, StepOutcome } from '../context.ts';

/** `evaluate`: the leak pattern from the look, the verdict by policy, the recommendation by the decision table. */
export function evaluate({ results, service, incident, ports }: StepContext): StepOutcome {
  const capture = findingOf(results, 'capture');
  const compare = findingOf(results, 'compare');
  const snapshot = findingOf(results, 'snapshot')?.snapshot ?? null;
  const pattern =
    snapshot === null
      ? null
      : classifyPattern(snapshot, {
          growthBytesPerHour: compare?.analysis.growth?.bytesPerHour ?? null,
          state: compare?.analysis.state ?? 'inconclusive',
          returnsInQuiet: compare?.analysis.returnsInQuiet ?? null,
        });
  const kills = mostKills(capture?.oomKills ?? null, incident.alerts, {
    nowMs: ports.now(),
    windowSeconds: service.policy.critical.withinSeconds,
  });
  const { verdict, recommendation } = recommend({ capture, compare, pattern, kills }, service.policy);
  const note = `${verdict}: ${recommendation.action}. ${recommendation.reasons[0] ?? ''}`;
  return {
    outcome: verdict === 'inconclusive' ? 'inconclusive' : 'ok',
    note,
    finding: {
      kind: 'evaluate',
      verdict,
      pattern,
      recommendation: {
        ...recommendation,
        reasons: [...recommendation.reasons],
        wouldChange: [...recommendation.wouldChange],
      },
    },
  };
}
