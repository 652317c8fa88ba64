import { formatBytes } from '../../units.ts';
import type { MemoryState } from '../series.ts';
import type { Snapshot, SnapshotContainer, SnapshotLayer } from '../snapshot.ts';
import { grownBytes, wereContainersCompared } from '../snapshot-diff.ts';

export type PatternContext = {
  /** Growth of the recorded series; null when there is none. Bytes an hour. */
  growthBytesPerHour: number | null;
  /** Verdict on the recorded series. */
  state: MemoryState;
  /** Memory falls back near its baseline when traffic is low; null or absent when that can't be told. */
  returnsInQuiet?: boolean | null;
};

export type Suspect = {
  container: SnapshotContainer;
  bytes: number;
  /** Share of the growth in the window, 0..1; null when RSS did not grow. */
  explainsRatio: number | null;
};

/** What decides a pattern, taken out of the snapshot. Bytes; deltas are over the window. */
export type GrowthFacts = {
  rssBytes: number;
  windowSeconds: number;
  /** RSS growth in the window, or what the recorded rate makes of the window if that is more. Null: not known. */
  growthBytes: number | null;
  /** The growth is within what page faults and batching of counters make of a still process. */
  isNoise: boolean;
  /** Unbounded containers that grew, the most bytes first. */
  suspects: readonly Suspect[];
  pythonDeltaBytes: number | null;
  nativeDeltaBytes: number | null;
  /** So much of either delta may be the other's; 0 where both are known well enough. */
  doubtBytes: number;
  allocatorBytes: number | null;
  /** Sentences: why cycles may stay uncollected. */
  cycleSigns: readonly string[];
  /** Sentences: containers that grow but are not blamed. */
  bystanders: readonly string[];
  ownerless: readonly string[];
  /** Sentences: where the newest entries of a container were allocated, as far as a tracing window saw. */
  linesOf: (path: string) => readonly string[];
  isInside: boolean;
  /** Named containers were looked at, twice. */
  isCompared: boolean;
  /** Sentences: which kinds of memory grew, where only the outside was seen. */
  kinds: readonly string[];
};

/** Growth below this in one window is noise: two of glibc's heap steps of 128 KiB and a pymalloc arena of 1 MiB. */
const NOISE_BYTES = 1_300_000;

export function growthFacts(snapshot: Snapshot, context: PatternContext): GrowthFacts {
  const growthBytes = growthInWindow(snapshot, context.growthBytesPerHour);
  const grown = (snapshot.containers ?? []).filter(({ lengthDiff }) => (lengthDiff ?? 0) > 0);
  const suspects = grown
    .filter((container) => !isBounded(container))
    .map((container) => toSuspect(container, growthBytes))
    .toSorted((a, b) => b.bytes - a.bytes);
  const layer = (name: SnapshotLayer['layer']) => snapshot.layers.find((row) => row.layer === name);
  return {
    rssBytes: snapshot.rssBytes,
    windowSeconds: snapshot.windowSeconds,
    growthBytes,
    isNoise: growthBytes === null || growthBytes < NOISE_BYTES,
    suspects,
    pythonDeltaBytes: layer('python-objects')?.deltaBytes ?? null,
    nativeDeltaBytes: layer('native')?.deltaBytes ?? null,
    doubtBytes: layer('native')?.doubtBytes ?? 0,
    allocatorBytes: layer('allocator')?.bytes ?? null,
    cycleSigns: cycleSigns(snapshot),
    bystanders: grown.filter(isBounded).map(describeBounded),
    ownerless: suspects.length === 0 ? [] : [`${suspects[0]?.container.path} grows too, by less`],
    linesOf: (path) =>
      (snapshot.sites ?? [])
        .filter(({ container }) => container === path)
        .map(({ traceback }) => `its newest entries are allocated at ${traceback[0]}`),
    isInside: snapshot.layers.some(({ layer: name }) => name === 'python-objects') || snapshot.gc !== null,
    isCompared: wereContainersCompared(snapshot),
    kinds: grownKinds(snapshot),
  };
}

/**
 * What grew by kind, without the inside: the mappings add up to the RSS, so what no layer names is anonymous memory.
 * Names no culprit: Python objects, allocators and native code share it.
 */
function grownKinds({ layers, rssDeltaBytes }: Snapshot): string[] {
  if (rssDeltaBytes === null || layers.length === 0 || layers.some(({ layer }) => layer === 'python-objects'))
    return [];
  const named = layers.reduce((sum, { deltaBytes }) => sum + (deltaBytes ?? 0), 0);
  const kinds = layers.map(({ layer, deltaBytes }) => `${layer} ${signedBytes(deltaBytes ?? 0)}`);
  const total = `RSS ${signedBytes(rssDeltaBytes)} in the look`;
  return [`${total}: anonymous memory ${signedBytes(rssDeltaBytes - named)}, ${kinds.join(', ')}`];
}

function signedBytes(bytes: number): string {
  return `${bytes > 0 ? '+' : ''}${formatBytes(bytes)}`;
}

/** A window can be blind (freed heap is refilled) or short: then the recorded rate says what to expect of it. */
function growthInWindow(snapshot: Snapshot, growthBytesPerHour: number | null): number | null {
  const expected = growthBytesPerHour === null ? null : (growthBytesPerHour * snapshot.windowSeconds) / 3600;
  if (snapshot.rssDeltaBytes === null) return expected;
  return expected === null ? snapshot.rssDeltaBytes : Math.max(snapshot.rssDeltaBytes, expected);
}

function toSuspect(container: SnapshotContainer, growthBytes: number | null): Suspect {
  const bytes = grownBytes(container);
  const explains =
    growthBytes === null || growthBytes <= 0 || container.bytesPerEntry === null ? null : bytes / growthBytes;
  return { container, bytes, explainsRatio: explains === null ? null : Math.min(1, explains) };
}

function isBounded({ maxLength }: SnapshotContainer): boolean {
  return maxLength !== null;
}

function describeBounded({ path, type, length, maxLength }: SnapshotContainer): string {
  return `${path} (${type}) grows, but is bounded: ${length} of ${maxLength} entries`;
}

function cycleSigns({ gc }: Snapshot): string[] {
  if (gc === null) return [];
  const signs: string[] = [];
  if (!gc.enabled) signs.push('the garbage collector is switched off: cycles are never freed');
  if (gc.uncollectable > 0) signs.push(`${gc.uncollectable} uncollectable objects are in gc.garbage`);
  return signs;
}
