import { inconclusive } from '../../errors.ts';
import type { RunbookStep } from '../../runbook/runbook.ts';
import type { StepContext, StepOutcome } from '../context.ts';
import { notDone } from './not-done.ts';

type QueryStep = Extract<RunbookStep, { step: 'query' }>;

/** `query`: a team's own PromQL and the range that it expects. Outside of it is a finding, no answer is no finding. */
export async function query(step: QueryStep, { ports, signal }: StepContext): Promise<StepOutcome> {
  if (ports.queries === null) {
    return {
      outcome: 'inconclusive',
      note: `${step.title}: not asked, no Prometheus is configured. Add prometheus.url to the configuration`,
      finding: null,
    };
  }
  const answer = await ports.queries.queryInstant(step.promql, signal);
  if (answer.outcome !== 'ok') return notDone({ ...answer, why: `${step.title}: ${answer.why}` });
  const values = answer.value.map((series) => series.value);
  if (values.length === 0) return notDone(noSeries(step.title));
  const outside = values.filter((value) => !inside(value, step.expect));
  const isAsExpected = outside.length === 0;
  // What is outside first: it must not be cut away behind what is fine.
  const shown = [...outside, ...values.filter((value) => inside(value, step.expect))];
  const text = `${describe(shown)}; expected ${range(step.expect)}`;
  return {
    outcome: 'ok',
    note: `${step.title}: ${isAsExpected ? 'as expected' : 'NOT as expected'} (${text})`,
    finding: {
      kind: 'check',
      title: step.title,
      text: `${isAsExpected ? 'As expected' : 'Not as expected'}: ${text}`,
      links: [],
    },
  };
}

function noSeries(title: string) {
  const cure = 'Try the query in Prometheus; its metric may have another name';
  return inconclusive('operator', `${title}: the query has no data`, cure);
}

function inside(value: number, expect: QueryStep['expect']): boolean {
  // NaN lies in no range: a ratio over zero requests must not pass as healthy.
  return value >= (expect.min ?? -Infinity) && value <= (expect.max ?? Infinity);
}

function describe(values: readonly number[]): string {
  const shown = values.slice(0, 5).map((value) => Number(value.toPrecision(4)));
  return values.length > 5 ? `${shown.join(', ')} and ${values.length - 5} more` : shown.join(', ');
}

function range({ min, max }: QueryStep['expect']): string {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  return min !== undefined ? `at least ${min}` : `at most ${max}`;
}
