import { z } from 'zod';
import { Symptom } from '../incident/incident.ts';

/** A runbook: ordered steps, each with the reason that the report quotes. Strict: a typo must not skip a check. */

const why = z.string().min(1).max(300);
const title = z.string().min(1).max(100);

const Measure = z.strictObject({ step: z.enum(['capture', 'compare', 'snapshot', 'evaluate']), why });

/** A team's own PromQL check: the values of all series must lie inside `expect`. */
const Query = z.strictObject({
  step: z.literal('query'),
  title,
  promql: z.string().min(1).max(4000),
  expect: z
    .strictObject({ min: z.number().optional(), max: z.number().optional() })
    .refine((range) => range.min !== undefined || range.max !== undefined, 'min or max, or both')
    .refine(({ min, max }) => min === undefined || max === undefined || min <= max, 'min below max'),
  why,
});

/** Text and links that belong into the thread: who to call, where the dashboard is. */
const Note = z.strictObject({
  step: z.literal('note'),
  title,
  text: z.string().min(1).max(2000),
  links: z
    .array(z.url({ protocol: /^https?$/ }))
    .max(10)
    .optional(),
  why: why.optional(),
});

export const RunbookMove = z.discriminatedUnion('move', [
  z.strictObject({ move: z.literal('roll-back') }),
  z.strictObject({ move: z.literal('add-instances'), count: z.int().min(1).max(100) }),
  /** 0.25 = a quarter more. */
  z.strictObject({ move: z.literal('raise-limit'), by: z.number().min(0.01).max(4) }),
  z.strictObject({ move: z.literal('recycle-worst') }),
]);
export type RunbookMove = z.infer<typeof RunbookMove>;

/** Reversible moves, the first one to try first; what each buys is computed. */
const Moves = z.strictObject({ step: z.literal('moves'), moves: z.array(RunbookMove).min(1).max(10), why });

export const RunbookStep = z.discriminatedUnion('step', [Measure, Query, Note, Moves]);
export type RunbookStep = z.infer<typeof RunbookStep>;

/** What a step reads of others must be there when its turn comes, and its result is known by its name. */
function refuseOrder(steps: readonly RunbookStep[], context: z.RefinementCtx): void {
  const names = steps.map(({ step }) => step);
  const refuse = (index: number, message: string) =>
    context.addIssue({ code: 'custom', path: [index, 'step'], message });
  for (const [index, name] of names.entries()) {
    if (name === 'query' || name === 'note') continue;
    if (names.indexOf(name) < index) refuse(index, `${name} only once`);
    const later = READS[name]?.filter((read) => names.indexOf(read) > index) ?? [];
    if (later.length > 0) refuse(index, `${name} after ${later.join(' and ')}`);
  }
}

const READS: Readonly<Record<string, readonly RunbookStep['step'][]>> = {
  evaluate: ['capture', 'compare', 'snapshot'],
  moves: ['capture', 'compare', 'snapshot', 'evaluate'],
};

export const Runbook = z.strictObject({
  runbook: z.string().regex(/^[a-z0-9][a-z0-9-]{0,60}$/, 'a name of lower-case letters, digits and dashes'),
  symptoms: z.array(Symptom).min(1),
  /** Services that this one is for; without it, every service. */
  services: z.array(z.string()).optional(),
  /** Only while the service's team is not at work; without it, at any hour. */
  when: z.literal('offHours').optional(),
  steps: z.array(RunbookStep).min(1).max(30).superRefine(refuseOrder),
});
export type Runbook = z.infer<typeof Runbook>;

/**
 * The runbook of a service's symptom: the one that the service asks for by name, else one that names the service,
 * else the first that fits the symptom; off-hours, those for off-hours first. Null when none does.
 */
export function selectRunbook(
  runbooks: readonly Runbook[],
  service: { name: string; runbook: string | null },
  symptom: Symptom,
  isOffHours = false,
): Runbook | null {
  const named = service.runbook === null ? undefined : runbooks.find((r) => r.runbook === service.runbook);
  const open = runbooks.filter((r) => r.symptoms.includes(symptom) && (r.when === undefined || isOffHours));
  const fitting = open.toSorted((a, b) => Number(a.when === undefined) - Number(b.when === undefined));
  return (
    named ??
    fitting.find((r) => r.services?.includes(service.name)) ??
    fitting.find((r) => r.services === undefined) ??
    null
  );
}
