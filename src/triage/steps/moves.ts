import { restartDebt } from '../../analysis/restart-debt.ts';
import { judgeMoves } from '../../recommendation/moves.ts';
import { findingOf } from '../../report/build-report.ts';
import type { RunbookStep } from '../../runbook/runbook.ts';
import type { StepContext, StepOutcome } from '../context.ts';
import { notDone } from './not-done.ts';

/** `moves`: what can be done now and undone later, each with what it buys and its guard. */
export async function moves(
  step: Extract<RunbookStep, { step: 'moves' }>,
  { analyze, results, ports, service }: StepContext,
): Promise<StepOutcome> {
  const answer = await analyze();
  if (answer.outcome !== 'ok') return notDone(answer);
  const judged = judgeMoves(step.moves, {
    capture: findingOf(results, 'capture'),
    compare: findingOf(results, 'compare'),
    evaluate: findingOf(results, 'evaluate'),
    hasEvidence: findingOf(results, 'snapshot') !== null,
    debt: restartDebt(answer.value.memory, ports.now() / 1000, service.policy.warmUpSeconds),
  });
  const safe = judged.filter(({ state }) => state !== 'red').length;
  const words = judged.length === 0 ? 'nothing needs to be done' : `${safe} of ${judged.length} moves are open`;
  return { outcome: 'ok', note: words, finding: { kind: 'moves', moves: judged } };
}
