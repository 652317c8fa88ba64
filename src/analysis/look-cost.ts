import { formatBytes, formatDuration } from '../units.ts';
import type { InsideLook, VerbCost } from './look.ts';
import type { SnapshotCost } from './snapshot.ts';

/**
 * What two looks and a tracing window cost the process, by the probe's own meter. `first` and `second`: the commands of
 * either look in order, the window's with the second; `child`: what the forked children told. Null where nothing was
 * metered.
 *
 * The process grows while it is looked into: what it grew by between the looks is taken off the memory that came during
 * the commands, in proportion to their time. RSS is the kernel's batched counter, so some 0.3 MB are noise.
 */
export function toLookCost(
  first: readonly VerbCost[],
  second: readonly VerbCost[],
  looks: readonly (InsideLook | null)[],
  stopSeconds: number | null,
): SnapshotCost | null {
  const costs = [...first, ...second];
  if (costs.length === 0) return null;
  const stalls = costs.flatMap(({ longestStallSeconds }) => longestStallSeconds ?? []);
  const children = looks.flatMap((look) => look?.child ?? []);
  return {
    stopSeconds,
    cpuSeconds: sum(costs.map(({ cpuSeconds }) => cpuSeconds)) + sum(children.map(({ cpuSeconds }) => cpuSeconds ?? 0)),
    addedBytes: addedBytes(first, second),
    longestStallSeconds: stalls.length === 0 ? null : Math.max(...stalls),
    childBytes: children.length === 0 ? null : Math.max(...children.map(({ privateBytes }) => privateBytes ?? 0)),
  };
}

function addedBytes(first: readonly VerbCost[], second: readonly VerbCost[]): number | null {
  const costs = [...first, ...second];
  const came = costs.map((cost) => difference(cost.rssBeforeBytes, cost.rssAfterBytes));
  const known = came.filter((bytes) => bytes !== null);
  if (known.length < came.length) return null;
  return Math.max(
    0,
    Math.round(sum(known) - growthPerSecond(first, second) * sum(costs.map(({ seconds }) => seconds))),
  );
}

/** Of the process itself, between the last command of one look and the first of the next; 0 where it does not grow. */
function growthPerSecond(first: readonly VerbCost[], second: readonly VerbCost[]): number {
  const [last, next] = [first.at(-1), second[0]];
  if (last === undefined || next === undefined) return 0;
  const seconds = (next.endedAt - last.endedAt) / 1000 - next.seconds;
  const grown = difference(last.rssAfterBytes, next.rssBeforeBytes) ?? 0;
  return seconds <= 0 ? 0 : Math.max(0, grown / seconds);
}

/** One line for reports: `the look cost 24 ms of CPU, longest stall 3 ms, +0.4 MiB`. */
export function describeCost(cost: SnapshotCost): string {
  const { cpuSeconds, longestStallSeconds, addedBytes: added, childBytes } = cost;
  const parts = [
    `the look cost ${formatDuration(cpuSeconds)} of CPU`,
    longestStallSeconds === null ? 'stalls not measured' : `longest stall ${formatDuration(longestStallSeconds)}`,
    added === null ? 'memory not measured' : `+${formatBytes(added)}`,
    ...(childBytes === null ? [] : [`${formatBytes(childBytes)} in forked children that are gone`]),
  ];
  return parts.join(', ');
}

function difference(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
