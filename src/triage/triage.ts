import type { Incident } from '../incident/incident.ts';
import type { StepResult } from '../incident/step-result.ts';
import { buildReport } from '../report/build-report.ts';
import type { Progress, Report } from '../report/report.ts';
import type { Runbook, RunbookStep } from '../runbook/runbook.ts';
import { analyzeOnce } from './analyze-once.ts';
import { attemptStep } from './attempt-step.ts';
import type { TriageContext } from './context.ts';

/**
 * The walk: the runbook's steps in order, each result saved before the next begins, then the report.
 *
 * Safe to run again after a crash at any point: saved steps are not repeated, and the report is published under the
 * incident's id. A step that fails becomes a line in the report; the report always comes.
 */
export async function triage(incident: Incident, runbook: Runbook, context: TriageContext): Promise<Report> {
  const { ports } = context;
  const saved = await ports.incidents.savedSteps(incident.id);
  const analyze = analyzeOnce(context);
  const results: StepResult[] = [];
  for (const [index, step] of runbook.steps.entries()) {
    const name = stepName(step, index);
    const earlier = saved.find((result) => result.step === name);
    if (earlier !== undefined) {
      results.push(earlier);
      continue;
    }
    await ports.thread.showProgress(incident, toProgress(incident, runbook, results));
    const result = await attemptStep(name, step, { ...context, incident, results, analyze });
    await ports.incidents.saveStep(incident.id, result);
    results.push(result);
  }
  const report = buildReport(incident, results, {
    generatedAt: new Date(ports.now()).toISOString(),
    killsWithinSeconds: context.service.policy.critical.withinSeconds,
  });
  // Published first: storing the report ends the triage, and what ended is not taken up again after a crash.
  await ports.thread.publishReport(incident, report);
  await ports.incidents.saveReport(incident.id, report);
  return report;
}

/** Unique in its runbook: the four steps by their own name, a team's checks by name and place. */
function stepName(step: RunbookStep, index: number): string {
  return step.step === 'query' || step.step === 'note' ? `${step.step}-${index + 1}` : step.step;
}

/** Which steps are done, which one runs, and which wait. `results`: those of the finished steps, in their order. */
export function toProgress(incident: Incident, runbook: Runbook, results: readonly StepResult[]): Progress {
  const steps = runbook.steps.map((step, index): Progress['steps'][number] => {
    const name = stepName(step, index);
    const done = results[index];
    if (done !== undefined) return { step: name, state: done.outcome, note: done.note };
    return { step: name, state: index === results.length ? 'running' : 'waiting', note: '' };
  });
  return { incident: incident.id, service: incident.service, steps };
}
