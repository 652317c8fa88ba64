import { CommandError, messageOf } from '../errors.ts';
import type { StepResult } from '../incident/step-result.ts';
import type { RunbookStep } from '../runbook/runbook.ts';
import type { StepContext, StepOutcome } from './context.ts';
import { runStep } from './steps/run-step.ts';

/** A step that takes longer than this, the window of a look not counted, is given up and told. Seconds. */
const STEP_DEADLINE_SECONDS = 45;

/**
 * One step with its deadline. Whatever happens in it becomes a result, so that the report always comes; only a stop of
 * the role rejects, with the signal's reason: that is no finding, and another replica takes the step up again.
 */
export async function attemptStep(
  name: string,
  step: RunbookStep,
  context: Omit<StepContext, 'withinSeconds'>,
): Promise<StepResult> {
  const { ports, service, stepDeadlineSeconds = STEP_DEADLINE_SECONDS } = context;
  const startedAt = ports.now();
  const withinSeconds = stepDeadlineSeconds + service.snapshotWindowSeconds;
  const deadline = AbortSignal.timeout(Math.ceil(withinSeconds * 1000));
  const signal = AbortSignal.any([context.signal, deadline]);
  const { outcome, note, finding } = await untilAborted(
    runStep(step, { ...context, withinSeconds, signal }),
    signal,
  ).catch((thrown: unknown) => toOutcome(thrown, name, deadline, context));
  // A port may answer its abort with a Failure, which would stand in the report for ever.
  if (outcome !== 'ok') context.signal.throwIfAborted();
  return { step: name, kind: step.step, outcome, note, finding, seconds: (ports.now() - startedAt) / 1000 };
}

/** `work`, or the signal's reason as soon as it aborts: a port that does not heed its signal must not hold up the walk. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const settled = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: settled.signal });
    if (signal.aborted) reject(signal.reason);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    settled.abort();
  }
}

function toOutcome(
  thrown: unknown,
  name: string,
  deadline: AbortSignal,
  context: Omit<StepContext, 'withinSeconds'>,
): StepOutcome {
  context.signal.throwIfAborted();
  if (deadline.aborted) {
    const note = 'not done: no answer within the deadline of the step. Ask again; if it stays so, read the log';
    return { outcome: 'inconclusive', note, finding: null };
  }
  context.logger.error({ err: thrown, incidentId: context.incident.id, step: name }, 'a step threw');
  const cure = thrown instanceof CommandError ? thrown.tryThis : 'This looks like a bug of memtriage: please report it';
  return { outcome: 'error', note: `not done: ${messageOf(thrown)}. ${cure.replace(/\.$/, '')}`, finding: null };
}
