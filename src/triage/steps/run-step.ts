import type { RunbookStep } from '../../runbook/runbook.ts';
import type { StepContext, StepOutcome } from '../context.ts';
import { capture } from './capture.ts';
import { compare } from './compare.ts';
import { evaluate } from './evaluate.ts';
import { moves } from './moves.ts';
import { note } from './note.ts';
import { query } from './query.ts';
import { snapshot } from './snapshot.ts';

/** One step of a runbook, by its kind. */
export async function runStep(step: RunbookStep, context: StepContext): Promise<StepOutcome> {
  switch (step.step) {
    case 'capture':
      return await capture(context);
    case 'compare':
      return await compare(context);
    case 'snapshot':
      return await snapshot(context);
    case 'evaluate':
      return evaluate(context);
    case 'query':
      return await query(step, context);
    case 'note':
      return note(step);
    case 'moves':
      return await moves(step, context);
  }
}
