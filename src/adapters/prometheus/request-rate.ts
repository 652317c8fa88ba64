import { type Outcome, ok } from '../../errors.ts';
import type { Server } from './http-query.ts';
import { type Point, queryRange, type Window } from './series-query.ts';

/** The analysis reads load in at most 96 bins of a window, eight values each: finer steps would change nothing. */
const MOST_POINTS = 800;

/**
 * The service's load over time as its query tells it, `[epochSeconds, rate]`; the series of a query that gives several
 * (one an instance, a route) are added up. One request. No data is a Failure, never a rate of 0.
 */
export async function queryRequestRate(
  server: Server,
  promql: string,
  window: Window,
  signal: AbortSignal,
): Promise<Outcome<readonly Point[]>> {
  const seconds = window.endSeconds - window.startSeconds;
  const stepSeconds = Math.max(window.stepSeconds, Math.ceil(seconds / MOST_POINTS));
  const answer = await queryRange(server, promql, { ...window, stepSeconds }, signal);
  if (answer.outcome !== 'ok') return answer;
  const total = new Map<number, number>();
  for (const { points } of answer.value.series) {
    for (const [at, rate] of points) total.set(at, (total.get(at) ?? 0) + rate);
  }
  return ok([...total].sort((a, b) => a[0] - b[0]));
}
