/** From Prometheus' series to instances with their lives: which series belong together, and where one life ends. Pure. */
import type { InstanceMemory } from '../../analysis/memory.ts';
import { companionsOf, latestAt, seriesOf } from './labels.ts';
import type { LabelledSeries, Labels, Point, Window } from './series-query.ts';

/** What describes the instances beside their RSS; empty where there is no query or no answer. */
export type Companions = {
  starts: readonly LabelledSeries[];
  releases: readonly LabelledSeries[];
  limits: readonly LabelledSeries[];
};

/** So many changes of value are needed to tell how far apart a series' samples really are. */
const CHANGES_TO_TELL = 20;

type Life = { labels: Labels; startedAt: number | null; release: string | null; points: Point[] };

/** Start times move by a second or two with the host's clock; no process that serves anything restarts faster. */
const SAME_START_SECONDS = 5;
/** A target that misses one scrape has not ended; Prometheus marks its series stale at once. */
const ENDED_AFTER_SECONDS = 60;
const ENDED_AFTER_STEPS = 3;
/** Not memory: what cgroups write for "no limit" (2^63 - 4096, or 0). */
const NO_LIMIT_BYTES = 2 ** 60;

/** Instances in the order of their names, earlier lives of each before later ones (`name~1`, `name~2`, `name`). */
export function toInstances(rss: readonly LabelledSeries[], companions: Companions, window: Window): InstanceMemory[] {
  const firstAt = Math.min(...rss.map(({ points }) => points[0]?.[0] ?? Number.POSITIVE_INFINITY));
  return seriesOf(rss, window.stepSeconds).flatMap(({ name, parts }) => {
    const lives = parts.flatMap((part) => toLives(part, companions)).sort(byFirstSample);
    const joined = withoutOverlap(joinSame(lives));
    return joined.map((life, index) => {
      const next = joined[index + 1];
      const limit = latestAt(companions.limits, parts.at(-1)?.labels ?? {}, lastAt(life));
      return {
        instance: next === undefined ? name : `${name}~${index + 1}`,
        release: life.release,
        startedAt: life.startedAt ?? seenStart(life, index, { firstAt, window }),
        endedAt: endOf(life, next, window),
        endReason: endReason(life, next, window),
        limitBytes: limit !== null && limit > 0 && limit < NO_LIMIT_BYTES ? limit : null,
        samples: withoutRepeats(life.points, window.stepSeconds),
      };
    });
  });
}

/** Split where the start time or the release changes. */
function toLives({ labels, points }: LabelledSeries, { starts, releases }: Companions): Life[] {
  const startAt = lookup(starts, labels, (value) => value);
  const releaseAt = releaseLookup(releases, labels);
  const lives: Life[] = [];
  for (const point of points) {
    const current = lives.at(-1);
    const startedAt = startAt(point[0]);
    const release = releaseAt(point[0]);
    if (current === undefined || isOther(current, startedAt, release)) {
      lives.push({ labels, startedAt, release, points: [point] });
      continue;
    }
    current.points.push(point);
    current.startedAt ??= startedAt;
    current.release ??= release;
  }
  return lives;
}

function isOther(life: Life, startedAt: number | null, release: string | null): boolean {
  if (life.startedAt !== null && startedAt !== null) return Math.abs(startedAt - life.startedAt) > SAME_START_SECONDS;
  return life.release !== null && release !== null && release !== life.release;
}

/** One life may lie in several runs: scrapes were missed, or a label changed that has nothing to do with the process. */
function joinSame(lives: readonly Life[]): Life[] {
  const joined: Life[] = [];
  for (const life of lives) {
    const last = joined.at(-1);
    if (last === undefined || !isSame(last, life)) joined.push(life);
    else last.points = [...last.points, ...life.points.filter(([at]) => at > lastAt(last))];
  }
  return joined;
}

/** By its start where that is known; else it takes the same labels, since a new container has another `id` or `image`. */
function isSame(last: Life, next: Life): boolean {
  if (isOther(last, next.startedAt, next.release)) return false;
  return (last.startedAt !== null && next.startedAt !== null) || last.labels === next.labels;
}

/** Prometheus still shows a series for some minutes after its last sample, beside the one that took its place. */
function withoutOverlap(lives: readonly Life[]): Life[] {
  const cut = lives.map((life, index) => {
    const until = lives[index + 1]?.points[0]?.[0] ?? Number.POSITIVE_INFINITY;
    return { ...life, points: life.points.filter(([at]) => at < until) };
  });
  return cut.filter(({ points }) => points.length > 0);
}

/**
 * A range query repeats the last sample until the next scrape: at 15 s a step, a target scraped each minute gives every
 * sample four times, which looks like four times the evidence there is. Its changes of value are four steps apart, but
 * for the few scrapes that fall on the other side of a step (hence the quantile).
 */
function withoutRepeats(points: readonly Point[], stepSeconds: number): readonly Point[] {
  const changes = points.filter(([, value], index) => index > 0 && value !== points[index - 1]?.[1]).map(([at]) => at);
  if (changes.length < CHANGES_TO_TELL) return points;
  const gaps = changes.slice(1).map((at, index) => Math.round((at - (changes[index] ?? 0)) / stepSeconds));
  const steps = gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 10)] ?? 1;
  const newest = changes.at(-1) ?? 0;
  return points.filter(([at]) => Math.round((newest - at) / stepSeconds) % steps === 0);
}

function lookup<T>(series: readonly LabelledSeries[], labels: Labels, read: (value: number, of: Labels) => T) {
  const found = new Map<number, T>();
  for (const one of companionsOf(series, labels)) {
    for (const [at, value] of one.points) found.set(at, read(value, one.labels));
  }
  return (at: number): T | null => found.get(at) ?? null;
}

function releaseLookup(series: readonly LabelledSeries[], labels: Labels): (at: number) => string | null {
  // An info metric is 1 while it holds; kube-state-metrics writes 0 for what does not.
  const holding = series.map((one) => ({ ...one, points: one.points.filter(([, value]) => value > 0) }));
  const at = lookup(holding, labels, (_, of) => of['release'] ?? null);
  const own = labels['release'] ?? null;
  return (seconds) => at(seconds) ?? own;
}

/** Seen to begin inside the window, after a life before it or while others were already there; else not known. */
function seenStart(life: Life, index: number, { firstAt, window }: { firstAt: number; window: Window }): number | null {
  const first = life.points[0]?.[0] ?? window.endSeconds;
  return index > 0 || first > firstAt + 2 * window.stepSeconds ? first : null;
}

function endOf(life: Life, next: Life | undefined, { endSeconds, stepSeconds }: Window): number | null {
  const last = lastAt(life);
  if (next !== undefined) return last;
  return endSeconds - last > Math.max(ENDED_AFTER_SECONDS, ENDED_AFTER_STEPS * stepSeconds) ? last : null;
}

function endReason(life: Life, next: Life | undefined, window: Window): InstanceMemory['endReason'] {
  if (next === undefined) return endOf(life, next, window) === null ? null : 'restart';
  return life.release !== null && next.release !== null && life.release !== next.release ? 'deploy' : 'restart';
}

function lastAt(life: Life): number {
  return life.points.at(-1)?.[0] ?? 0;
}

function byFirstSample(a: Life, b: Life): number {
  return (a.points[0]?.[0] ?? 0) - (b.points[0]?.[0] ?? 0);
}
