import { formatBytes } from '../units.ts';
import { doubtNotes, toLargeBlocks } from './large-blocks.ts';
import { toLayers, unsplitAnonymous } from './layers.ts';
import type { CensusContainer, InsideLook, Look, ProbeRuntime, ProbeWindow } from './look.ts';
import type { Snapshot, SnapshotContainer, SnapshotGc, SnapshotSite, SnapshotType } from './snapshot.ts';
import { toProcess } from './snapshot-process.ts';

/** Rows of a snapshot, so that it stays readable and small wherever it is stored. */
const MOST_CONTAINERS = 20;
const MOST_TYPES = 20;

/** CPython's first generation grows by this many allocations less frees before it is collected (`gc.get_threshold()`). */
const DEFAULT_THRESHOLD = 700;

export type SnapshotSubject = { instance: string; release: string | null };

/**
 * Two looks at one process, `first` null when only one could be taken. Pure: the difference, bounded and ranked.
 * What neither look measured is null, and `notes` says why.
 */
export function toSnapshot(
  subject: SnapshotSubject,
  first: Look | null,
  second: Look,
  notes: readonly string[],
): Snapshot {
  const windowSeconds = first === null ? 0 : (second.outside.at - first.outside.at) / 1000;
  const rssDeltaBytes = first === null ? null : second.outside.rssBytes - first.outside.rssBytes;
  return {
    instance: subject.instance,
    release: subject.release ?? second.inside?.identity.release ?? null,
    takenAt: new Date(second.outside.at).toISOString(),
    windowSeconds,
    rssBytes: second.outside.rssBytes,
    rssDeltaBytes,
    longestPauseSeconds: longestPause(first?.inside ?? null, second.inside),
    layers: toLayers(second, first),
    sites: null,
    containers: toContainers(second.inside, windowSeconds, rssDeltaBytes),
    types: toTypes(first?.inside ?? null, second.inside),
    gc: toGc(first?.inside?.runtime ?? null, second.inside?.runtime ?? null, windowSeconds),
    process: toProcess(first, second, windowSeconds),
    sibling: null,
    notes: unique([
      ...notes,
      ...anonymousNotes(first, second),
      ...doubtNotes(toLargeBlocks(second, first)),
      ...(first?.inside?.notes ?? []),
      ...(second.inside?.notes ?? []),
    ]),
  };
}

/** A second look that stayed outside: what the first one saw inside is all that there is, without what grew. */
export function withFirstInside(snapshot: Snapshot, first: Look): Snapshot {
  const { containers, types, gc } = toSnapshot(snapshot, null, first, []);
  const note = 'containers and types: as the first look saw them; what grew is not known.';
  return { ...snapshot, containers, types, gc, notes: [...snapshot.notes, note] };
}

/** Seen from outside, the largest part of the memory has no layer: it is told in words. */
function anonymousNotes(first: Look | null, second: Look): string[] {
  const anonymous = unsplitAnonymous(second, first);
  if (anonymous === null) return [];
  const { bytes, deltaBytes } = anonymous;
  const change = deltaBytes === null ? '' : `, ${deltaBytes >= 0 ? '+' : ''}${formatBytes(deltaBytes)} in the look`;
  return [`anonymous memory (Python objects, allocators and native together): ${formatBytes(bytes)}${change}.`];
}

function toContainers(
  inside: InsideLook | null,
  windowSeconds: number,
  rssDeltaBytes: number | null,
): SnapshotContainer[] | null {
  if (inside?.census == null && inside?.child == null) return null;
  const found = [...(inside.census?.containers ?? []), ...(inside.child?.containers ?? [])];
  const rows = found.map((container) => toContainer(container, windowSeconds, rssDeltaBytes));
  return rows.toSorted((a, b) => grownBytes(b) - grownBytes(a) || b.length - a.length).slice(0, MOST_CONTAINERS);
}

function toContainer(row: CensusContainer, windowSeconds: number, rssDeltaBytes: number | null): SnapshotContainer {
  const { largeBytesPerEntry: _, largeBlocksPerEntry: __, largeBytesError: ___, ...container } = row;
  const grown = container.lengthDiff !== null && container.bytesPerEntry !== null;
  const bytes = grown ? (container.lengthDiff ?? 0) * (container.bytesPerEntry ?? 0) : null;
  return {
    ...container,
    growthPerMinute:
      container.lengthDiff === null || windowSeconds <= 0 ? null : (container.lengthDiff / windowSeconds) * 60,
    explainsRatio:
      bytes === null || rssDeltaBytes === null || rssDeltaBytes <= 0
        ? null
        : Math.min(1, Math.max(0, bytes / rssDeltaBytes)),
  };
}

/** Was a container looked for twice, so that one that is not told did not grow? */
export function wereContainersCompared({ containers, windowSeconds }: Snapshot): boolean {
  if (containers === null || windowSeconds <= 0) return false;
  return containers.length === 0 || containers.some(({ lengthDiff }) => lengthDiff !== null);
}

/** Bytes by which a container grew in the window; 0 when it is not known to have grown. */
export function grownBytes(container: Pick<SnapshotContainer, 'lengthDiff' | 'bytesPerEntry'>): number {
  return Math.max(0, container.lengthDiff ?? 0) * (container.bytesPerEntry ?? 1);
}

function toTypes(first: InsideLook | null, second: InsideLook | null): SnapshotType[] | null {
  const whole = second?.child?.types ?? null;
  if (whole !== null) return ranked(whole);
  const counted = second?.types?.types ?? null;
  if (counted === null) return null;
  const before = first?.types?.types ?? null;
  const counts = new Map(before?.map(({ type, count }) => [type, count]));
  const rows = counted.map(({ type, count }) => {
    const earlier = counts.get(type);
    return { type, count, countDiff: earlier === undefined ? null : count - earlier };
  });
  return ranked(rows);
}

function ranked(rows: readonly SnapshotType[]): SnapshotType[] {
  return rows.toSorted((a, b) => (b.countDiff ?? 0) - (a.countDiff ?? 0) || b.count - a.count).slice(0, MOST_TYPES);
}

function toGc(first: ProbeRuntime | null, second: ProbeRuntime | null, windowSeconds: number): SnapshotGc | null {
  if (second === null) return null;
  const collections = second.gc.collections.map((count, i) => count - (first?.gc.collections[i] ?? 0));
  return {
    enabled: second.gc.enabled,
    thresholds: second.gc.thresholds,
    collections,
    longestPauseSeconds: first === null ? null : second.gc.longestPauseSeconds,
    uncollectable: second.gc.uncollectable,
    frozen: second.gc.frozen,
    allocationsPerSecond: first === null ? null : allocationRate(first, second, collections[0] ?? 0, windowSeconds),
  };
}

/** Blocks that stayed, and those that the collections of the youngest generation stand for, by second. */
function allocationRate(
  first: ProbeRuntime,
  second: ProbeRuntime,
  collections: number,
  seconds: number,
): number | null {
  if (seconds <= 0) return null;
  const stayed = second.allocatedBlocks - first.allocatedBlocks;
  return Math.max(0, (stayed + collections * (second.gc.thresholds[0] ?? DEFAULT_THRESHOLD)) / seconds);
}

/** The sites of a tracing window, and the longest stop with it. */
export function withSites(snapshot: Snapshot, window: ProbeWindow): Snapshot {
  const longestPauseSeconds = Math.max(snapshot.longestPauseSeconds ?? 0, window.stopSeconds);
  return { ...snapshot, longestPauseSeconds, sites: window.sites.flatMap(toSite) };
}

function toSite({ bytes, blocks, frames, container }: ProbeWindow['sites'][number]): SnapshotSite[] {
  const [first] = frames;
  if (first === undefined) return [];
  const traceback = frames.map(
    (frame) => `${frame.file}:${frame.line}${frame.function === null ? '' : ` ${frame.function}`}`,
  );
  return [{ file: first.file, line: first.line, sizeDiffBytes: bytes, countDiff: blocks, traceback, container }];
}

function longestPause(...looks: (InsideLook | null)[]): number | null {
  const pauses = looks.flatMap((look) => {
    const slices = look?.census === null || look?.census === undefined ? [] : [look.census.longestSliceSeconds];
    return [...slices, ...[look?.types, look?.child].flatMap((part) => part?.stopSeconds ?? [])];
  });
  return pauses.length === 0 ? null : Math.max(...pauses);
}

function unique(lines: readonly string[]): string[] {
  return [...new Set(lines)];
}
