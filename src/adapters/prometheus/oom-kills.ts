import type { LabelledSeries, Window } from './series-query.ts';

/**
 * Epoch seconds of the kills that the series count, one entry a kill, in order of time. A counter tells them by its rises,
 * and by what it holds after a reset; a series that first appears above zero while others or the window are older is one
 * kill (kube-state-metrics shows `last_terminated_reason` only once there is one).
 */
export function toOomKills(series: readonly LabelledSeries[], { startSeconds, stepSeconds }: Window): number[] {
  return series.flatMap(({ points }) => killsOf(points, startSeconds + 2 * stepSeconds)).sort((a, b) => a - b);
}

/** No instance is killed more often between two points; a wrong query must not make millions of entries. */
const MOST_AT_ONCE = 100;

function killsOf(points: LabelledSeries['points'], shownFrom: number): number[] {
  const kills: number[] = [];
  let last: number | null = null;
  for (const [at, value] of points) {
    if (last === null) {
      if (value > 0 && at > shownFrom) kills.push(at);
    } else {
      const rise = value >= last ? value - last : value;
      for (let i = 0; i < Math.min(Math.round(rise), MOST_AT_ONCE); i += 1) kills.push(at);
    }
    last = value;
  }
  return kills;
}
