import { DAY_SECONDS, restartDebt } from '../../analysis/restart-debt.ts';
import { judgeMoves } from '../../recommendation/moves.ts';
import { findingOf } from '../../report/build-report.ts';
import type { RunbookStep } from '../../runbook/runbook.ts';
import type { StepContext, StepOutcome } from '../context.ts';
import { notDone } from './not-done.ts';

/** `moves`: what can be done now and undone later, each with what it buys and its guard. */
export async function moves(
  step: Extract<RunbookStep, { step: 'moves' }>,
  { analyze, results, ports, service, sinceSeconds, signal }: StepContext,
): Promise<StepOutcome> {
  const answer = await analyze();
  if (answer.outcome !== 'ok') return notDone(answer);
  // How often it was restarted is told for a day, however little was asked for.
  const isDay = sinceSeconds >= DAY_SECONDS;
  const day = isDay ? null : await ports.memory.readMemory(service.name, DAY_SECONDS, signal);
  const looked = day?.outcome === 'ok' ? day.value : answer.value.memory;
  const judged = judgeMoves(step.moves, {
    capture: findingOf(results, 'capture'),
    compare: findingOf(results, 'compare'),
    evaluate: findingOf(results, 'evaluate'),
    hasEvidence: findingOf(results, 'snapshot') !== null,
    debt: restartDebt(looked, ports.now() / 1000, service.policy.warmUpSeconds),
  });
  const safe = judged.filter(({ state }) => state !== 'red').length;
  const words = judged.length === 0 ? 'nothing needs to be done' : `${safe} of ${judged.length} moves are open`;
  return { outcome: 'ok', note: words, finding: { kind: 'moves', moves: judged } };
}
