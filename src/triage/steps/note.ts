import type { RunbookStep } from '../../runbook/runbook.ts';
import type { StepOutcome } from '../context.ts';

/** `note`: a team's own text and links, as they stand in the runbook. */
export function note(step: Extract<RunbookStep, { step: 'note' }>): StepOutcome {
  const finding = { kind: 'check', title: step.title, text: step.text, links: step.links ?? [] } as const;
  return { outcome: 'ok', note: step.title, finding: { ...finding, links: [...finding.links] } };
}
