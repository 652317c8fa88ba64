/** PromQL in, numbers out: instant and range queries with their results checked. An empty answer is never a zero. */
import { z } from 'zod';
import { failed, inconclusive, type Outcome, ok } from '../../errors.ts';
import { requestQuery, type Server } from './http-query.ts';

export type Labels = Readonly<Record<string, string>>;
/** `[epochSeconds, value]`, increasing in time, finite values only. */
export type Point = readonly [seconds: number, value: number];
export type LabelledSeries = { labels: Labels; points: readonly Point[] };
/** `warnings`: the server's own, of an answer that is not whole. */
export type Ranged = { series: readonly LabelledSeries[]; warnings: readonly string[] };
/** Whole seconds; `endSeconds - startSeconds` is a multiple of the step, so that all queries share one grid. */
export type Window = { startSeconds: number; endSeconds: number; stepSeconds: number };

/** Prometheus refuses more points a series ("exceeded maximum resolution of 11,000 points per timeseries"). */
const MAX_POINTS = 11_000;
/** What Prometheus scrapes at most often in practice; finer steps would repeat samples. */
const USUAL_STEP_SECONDS = 15;
/** Of a short window: that a minute of it still shows a trend, as in a demonstration. */
const FEWEST_POINTS = 240;

const Labelled = z.record(z.string(), z.string());
const Pair = z.tuple([z.number(), z.string()]);
const InstantData = z.discriminatedUnion('resultType', [
  z.object({ resultType: z.literal('vector'), result: z.array(z.object({ metric: Labelled, value: Pair })) }),
  z.object({ resultType: z.literal('scalar'), result: Pair }),
]);
type WrittenPoint = [seconds: number, value: string];

/** By hand: a schema of tuples is most of the time of a read, with the 115,000 points of 20 instances and 24 h. */
function arePoints(values: unknown): values is WrittenPoint[] {
  return (
    Array.isArray(values) &&
    values.every((pair: unknown) => Array.isArray(pair) && typeof pair[0] === 'number' && typeof pair[1] === 'string')
  );
}

const RangeData = z.object({
  resultType: z.literal('matrix'),
  result: z.array(z.object({ metric: Labelled, values: z.custom<WrittenPoint[]>(arePoints) })),
});

/** The window that ends now: 15 s a step as long as that stays under 11,000 points, finer for an hour or less. */
export function toWindow(nowSeconds: number, sinceSeconds: number): Window {
  const finest = Math.max(1, Math.floor(sinceSeconds / FEWEST_POINTS));
  const stepSeconds = Math.max(Math.min(USUAL_STEP_SECONDS, finest), Math.ceil(sinceSeconds / (MAX_POINTS - 1)));
  const endSeconds = Math.floor(nowSeconds);
  const steps = Math.max(1, Math.floor(sinceSeconds / stepSeconds));
  return { startSeconds: endSeconds - steps * stepSeconds, endSeconds, stepSeconds };
}

/** One series a label set. No series, or none with a finite value, is a Failure that says "no data". */
export async function queryRange(
  server: Server,
  promql: string,
  window: Window,
  signal: AbortSignal,
): Promise<Outcome<Ranged>> {
  const parameters = {
    query: promql,
    start: String(window.startSeconds),
    end: String(window.endSeconds),
    step: String(window.stepSeconds),
  };
  const answer = await requestQuery(server, '/api/v1/query_range', parameters, signal);
  if (answer.outcome !== 'ok') return answer;
  const data = RangeData.safeParse(answer.value.data);
  if (!data.success) return unreadable(server, answer.value.data);
  const series = data.data.result
    .map(({ metric, values }) => ({ labels: metric, points: values.map(toPoint).filter(isFinite) }))
    .filter(({ points }) => points.length > 0);
  return series.length === 0 ? noData(promql) : ok({ series, warnings: answer.value.warnings });
}

/**
 * The newest value of each series, or that of a scalar (without labels); infinite or NaN where Prometheus has it so.
 * An answer that the server itself calls not whole is a Failure: nothing says of which series the rest is.
 */
export async function queryNow(
  server: Server,
  promql: string,
  signal: AbortSignal,
): Promise<Outcome<readonly { labels: Record<string, string>; value: number }[]>> {
  const answer = await requestQuery(server, '/api/v1/query', { query: promql }, signal);
  if (answer.outcome !== 'ok') return answer;
  const { warnings, data: given } = answer.value;
  const data = InstantData.safeParse(given);
  if (!data.success) return unreadable(server, given);
  const { resultType, result } = data.data;
  const values = resultType === 'scalar' ? [{ metric: {}, value: result }] : result;
  const read = values.map(({ metric, value }) => ({ labels: metric, value: toNumber(value[1]) }));
  // One series that is not a number, a ratio over no requests, must not pass for the others beside it.
  if (read.every(({ value }) => Number.isNaN(value))) return noData(promql);
  return warnings.length === 0 ? ok(read) : notWhole(promql, warnings);
}

function toPoint([seconds, text]: readonly [number, string]): Point {
  return [seconds, toNumber(text)];
}

/** `NaN`, `+Inf` and `-Inf` as Prometheus writes them. */
function toNumber(text: string): number {
  return text === '' ? Number.NaN : Number(text.replace('Inf', 'Infinity'));
}

function isFinite([, value]: Point): boolean {
  return Number.isFinite(value);
}

/** Of many warnings one is enough to look at the server. */
export function warningText([first = '', ...more]: readonly string[]): string {
  const rest = more.length === 0 ? '' : ` (and ${more.length} more)`;
  return `Prometheus warns that its answer may not be whole: ${first.slice(0, LONGEST_WARNING)}${rest}`;
}

const LONGEST_WARNING = 200;

function notWhole(promql: string, warnings: readonly string[]) {
  return inconclusive(
    'upstream',
    `${warningText(warnings)}, for ${promql}`,
    'Look at the Prometheus server and its stores',
  );
}

function noData(promql: string) {
  const cure = 'Check its labels in Prometheus, and that the target is scraped';
  return inconclusive('operator', `Prometheus has no data for ${promql}`, cure);
}

const ResultType = z.object({ resultType: z.string() });

function unreadable({ url }: Server, data: unknown) {
  const type = ResultType.safeParse(data);
  if (type.success && ['matrix', 'string', 'scalar'].includes(type.data.resultType)) {
    const cure = 'Take the range (`[5m]`) away, or put a function such as `rate()` or `max_over_time()` around it';
    return failed('operator', `the query gives a ${type.data.resultType}, not one number a series`, cure);
  }
  return failed('operator', `${url} does not answer like Prometheus`, 'Check `prometheus.url` in the configuration');
}
