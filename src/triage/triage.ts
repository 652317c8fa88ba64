import { CommandError, messageOf } from '../errors.ts';
import type { Incident } from '../incident/incident.ts';
import type { StepResult } from '../incident/step-result.ts';
import { buildReport } from '../report/build-report.ts';
import type { Progress, Report } from '../report/report.ts';
import type { Runbook, RunbookStep } from '../runbook/runbook.ts';
import type { StepContext, TriageContext } from './context.ts';
import { runStep, STEP_DEADLINE_SECONDS } from './steps/run-step.ts';

/**
 * The walk: the runbook's steps in order, each result saved before the next begins, then the report.
 *
 * Safe to run again after a crash at any point: saved steps are not repeated, and the report is published under the
 * incident's id. A step that fails becomes a line in the report; the report always comes.
 */
export async function triage(incident: Incident, runbook: Runbook, context: TriageContext): Promise<Report> {
  const { ports } = context;
  const saved = await ports.incidents.savedSteps(incident.id);
  const readMemory = readMemoryOnce(context);
  const results: StepResult[] = [];
  for (const [index, step] of runbook.steps.entries()) {
    const name = stepName(step, index);
    const earlier = saved.find((result) => result.step === name);
    if (earlier !== undefined) {
      results.push(earlier);
      continue;
    }
    await ports.thread.showProgress(incident, toProgress(incident, runbook, results));
    const result = await runWithDeadline(name, step, { ...context, incident, results, readMemory });
    await ports.incidents.saveStep(incident.id, result);
    results.push(result);
  }
  const report = buildReport(incident, results, new Date(ports.now()).toISOString());
  // Published first: storing the report ends the triage, and what ended is not taken up again after a crash.
  await ports.thread.publishReport(incident, report);
  await ports.incidents.saveReport(incident.id, report);
  return report;
}

/** Unique in its runbook: the four steps by their own name, a team's checks by name and place. */
function stepName(step: RunbookStep, index: number): string {
  return step.step === 'query' || step.step === 'note' ? `${step.step}-${index + 1}` : step.step;
}

async function runWithDeadline(name: string, step: RunbookStep, context: StepContext): Promise<StepResult> {
  const startedAt = context.ports.now();
  const deadline = AbortSignal.timeout((STEP_DEADLINE_SECONDS + context.service.snapshotWindowSeconds) * 1000);
  const signal = AbortSignal.any([context.signal, deadline]);
  const seconds = (): number => (context.ports.now() - startedAt) / 1000;
  try {
    const { outcome, note, finding } = await runStep(step, { ...context, signal });
    return { step: name, kind: step.step, outcome, note, finding, seconds: seconds() };
  } catch (thrown) {
    // A stop of the bot is no finding: the job goes back to the queue and another replica goes on from here.
    context.signal.throwIfAborted();
    if (deadline.aborted) {
      const note = 'not done: no answer within the deadline of the step. Ask again; if it stays so, read the log';
      return { step: name, kind: step.step, outcome: 'inconclusive', note, finding: null, seconds: seconds() };
    }
    context.logger.error({ err: thrown, incidentId: context.incident.id, step: name }, 'a step threw');
    return {
      step: name,
      kind: step.step,
      outcome: 'error',
      note: unexpected(thrown),
      finding: null,
      seconds: seconds(),
    };
  }
}

function readMemoryOnce({ ports, service, sinceSeconds, signal }: TriageContext): StepContext['readMemory'] {
  let reading: ReturnType<StepContext['readMemory']> | null = null;
  return () => {
    reading ??= ports.memory.readMemory(service.name, sinceSeconds, signal);
    return reading;
  };
}

function unexpected(thrown: unknown): string {
  const cure = thrown instanceof CommandError ? thrown.tryThis : 'This looks like a bug of memtriage: please report it';
  return `not done: ${messageOf(thrown)}. ${cure}.`;
}

function toProgress(incident: Incident, runbook: Runbook, results: readonly StepResult[]): Progress {
  const steps = runbook.steps.map((step, index): Progress['steps'][number] => {
    const name = stepName(step, index);
    const done = results[index];
    if (done !== undefined) return { step: name, state: done.outcome, note: done.note };
    return { step: name, state: index === results.length ? 'running' : 'waiting', note: '' };
  });
  return { incident: incident.id, service: incident.service, steps };
}
