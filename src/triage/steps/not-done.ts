import type { Failure } from '../../errors.ts';
import type { StepOutcome } from '../context.ts';

/** A step that could not be done, as the line that the report shows. */
export function notDone(failure: Failure): StepOutcome {
  return { outcome: failure.outcome, note: `${failure.why}. ${failure.tryThis}`, finding: null };
}
