import type { LabelledSeries, Window } from './series-query.ts';

/**
 * Epoch seconds of the kills that the series count, one entry a kill, in order of time. A counter tells them by its rises,
 * and by what it holds after a reset; a series that first appears above zero while others or the window are older is one
 * kill (kube-state-metrics shows `last_terminated_reason` only once there is one). What several exporters tell of one pod,
 * at the same time or one after the other, is told once.
 */
export function toOomKills(series: readonly LabelledSeries[], { startSeconds, stepSeconds }: Window): number[] {
  return byPod(series)
    .flatMap((points) => killsOf(points, startSeconds + 2 * stepSeconds))
    .sort((a, b) => a - b);
}

/** Labels of who tells, not of what is told, where a `pod` says that. */
const OF_EXPORTERS = new Set(['instance', 'job', 'endpoint', 'service', 'prometheus', 'prometheus_replica', 'replica']);

function byPod(series: readonly LabelledSeries[]): LabelledSeries['points'][] {
  const pods = new Map<string, LabelledSeries['points'][]>();
  for (const [index, { labels, points }] of series.entries()) {
    const told = Object.entries(labels).filter(([label]) => !OF_EXPORTERS.has(label));
    const key =
      labels['pod'] === undefined ? `${index}` : JSON.stringify(told.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    pods.set(key, [...(pods.get(key) ?? []), points]);
  }
  return [...pods.values()].map((told) => (told.length === 1 ? (told[0] ?? []) : highest(told)));
}

/** At each time the highest value of any of them. */
function highest(told: readonly LabelledSeries['points'][]): LabelledSeries['points'] {
  const values = new Map<number, number>();
  for (const [at, value] of told.flat()) values.set(at, Math.max(values.get(at) ?? value, value));
  return [...values].sort(([a], [b]) => a - b);
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
