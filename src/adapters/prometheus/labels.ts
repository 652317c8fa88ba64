/** Which series of different queries speak of the same instance. Pure. */
import type { LabelledSeries, Labels, Point } from './series-query.ts';

/**
 * In this order: behind kube-state-metrics and cAdvisor `instance` is the exporter's own address, and `pod` the one
 * that is meant. Series that share none of them are about the service as a whole.
 */
const NAMING = ['pod', 'instance'];
/** Where both series have one of these, it must be the same too. */
const NARROWING = ['namespace', 'container', 'pid'];
/** What tells apart two lives of one instance, not two instances. */
const OF_A_LIFE = new Set(['__name__', 'release', 'version', 'image', 'id', 'uid']);

/** The unbroken runs of one instance's series in order of time; labels such as `release` may change from run to run. */
export type NamedSeries = { name: string; parts: LabelledSeries[] };

/** By name, each instance once. Instances that share pod or address, as the processes of one pod do, carry more labels. */
export function seriesOf(rss: readonly LabelledSeries[], stepSeconds: number): NamedSeries[] {
  const all = groupBy(rss, (label) => !OF_A_LIFE.has(label)).flatMap((group) => {
    const runs = group.flatMap((series) => toRuns(series, stepSeconds)).sort((a, b) => firstAt(a) - firstAt(b));
    return runBesideEachOther(runs) ? group.map((series) => [series]) : [runs];
  });
  const first = all.map((parts) => parts[0]?.labels ?? {});
  const varying = labelsThatVary(first);
  return all
    .map((parts, index) => ({ name: nameOf(first[index] ?? {}, first, varying), parts }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function groupBy(rss: readonly LabelledSeries[], counts: (label: string) => boolean): LabelledSeries[][] {
  const groups = new Map<string, LabelledSeries[]>();
  for (const series of rss.toSorted((a, b) => firstAt(a) - firstAt(b))) {
    const labels = Object.keys(series.labels)
      .filter(counts)
      .toSorted((a, b) => (a < b ? -1 : 1));
    const key = JSON.stringify(labels.map((label) => [label, series.labels[label]]));
    groups.set(key, [...(groups.get(key) ?? []), series]);
  }
  return [...groups.values()];
}

/** A release that is rolled back continues its old series: what ran between lies in its gap. */
function toRuns({ labels, points }: LabelledSeries, stepSeconds: number): LabelledSeries[] {
  const runs: Point[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    if (point[0] - last > 1.5 * stepSeconds) runs.push([]);
    runs.at(-1)?.push(point);
    last = point[0];
  }
  return runs.map((run) => ({ labels, points: run }));
}

/** Longer than Prometheus still shows a series after its last sample (5 min by default, `--query.lookback-delta`). */
function runBesideEachOther(parts: readonly LabelledSeries[]): boolean {
  return parts.some((part, index) => index > 0 && lastAt(parts[index - 1]) > firstAt(part) + LOOKBACK_SECONDS);
}

const LOOKBACK_SECONDS = 300;

function firstAt(series: LabelledSeries | undefined): number {
  return series?.points[0]?.[0] ?? 0;
}

function lastAt(series: LabelledSeries | undefined): number {
  return series?.points.at(-1)?.[0] ?? 0;
}

function nameOf(labels: Labels, all: readonly Labels[], varying: readonly string[]): string {
  const naming = NAMING.find((label) => labels[label] !== undefined);
  const short = naming === undefined ? undefined : labels[naming];
  const isAlone = all.filter((other) => naming !== undefined && other[naming] === short).length === 1;
  if (short !== undefined && isAlone) return short;
  const rest = varying.flatMap((label) =>
    label === naming || labels[label] === undefined ? [] : [`${label}=${labels[label]}`],
  );
  return [short ?? labels['job'] ?? 'all', ...rest].join(' ');
}

function labelsThatVary(all: readonly Labels[]): string[] {
  const names = new Set(all.flatMap((labels) => Object.keys(labels)).filter((label) => label !== '__name__'));
  return [...names]
    .filter((label) => new Set(all.map((labels) => labels[label])).size > 1)
    .toSorted((a, b) => (a < b ? -1 : 1));
}

/** Those of `series` that speak of the instance with these labels, the latest to begin last. */
export function companionsOf(series: readonly LabelledSeries[], labels: Labels): LabelledSeries[] {
  const ofInstance = series.filter((other) => {
    const naming = NAMING.find((label) => labels[label] !== undefined && other.labels[label] !== undefined);
    const deciding = naming === undefined ? NARROWING : [naming, ...NARROWING];
    return deciding.every((label) => {
      const [mine, theirs] = [labels[label], other.labels[label]];
      return mine === undefined || theirs === undefined || mine === theirs;
    });
  });
  return ofInstance.sort((a, b) => firstAt(a) - firstAt(b));
}

/**
 * The value at or last before `seconds` of what belongs to the instance; of several the lowest. A series that had ended
 * by then tells of an earlier life: a pod of a StatefulSet keeps its name when its limit is raised.
 */
export function latestAt(series: readonly LabelledSeries[], labels: Labels, seconds: number): number | null {
  const last = companionsOf(series, labels).flatMap(({ points }) => {
    const point = points.findLast(([at]) => at <= seconds);
    return point === undefined ? [] : [point];
  });
  const newest = Math.max(...last.map(([at]) => at));
  const values = last.filter(([at]) => at > newest - LOOKBACK_SECONDS).map(([, value]) => value);
  return values.length === 0 ? null : Math.min(...values);
}
