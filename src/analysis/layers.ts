import type { Look, ProbeLayers } from './look.ts';
import type { SnapshotLayer } from './snapshot.ts';

/**
 * A ledger of layers that adds up to the RSS. Anonymous memory is split by what the allocators say of themselves:
 *
 *     python-objects = pymalloc's blocks in use + Python blocks above 512 bytes
 *     allocator      = what pymalloc and malloc keep free, and pymalloc's overhead
 *     native         = malloc's blocks in use less those Python blocks + anonymous mappings beside both allocators
 *
 * What the allocators hold but never touched is not resident; that shortage is taken from their free memory first.
 * Python blocks above 512 bytes are estimated (`largePythonBytes`), at most malloc's use.
 * Method and its measured error (within 3 % or 2.5 MB of the truth on nine programs): see docs/probe.md.
 */
export function toLayers(look: Look, previous: Look | null): SnapshotLayer[] {
  const isRead = [look, previous ?? look].every(({ inside }) => typeof inside?.child?.largeBytes === 'number');
  const now = layerBytes(look, isRead);
  const before = previous === null ? null : layerBytes(previous, isRead);
  return LAYERS.flatMap((layer) => {
    const bytes = now?.[layer];
    if (bytes === undefined || bytes === null) return [];
    const earlier = before?.[layer] ?? null;
    return [{ layer, bytes, deltaBytes: earlier === null ? null : bytes - earlier }];
  });
}

/**
 * Anonymous memory at the second look and its change, where nothing splits it: what the ledger has no layer for. Bytes;
 * null where the layers have it, or the mappings can't be read.
 */
export function unsplitAnonymous(
  look: Look,
  previous: Look | null,
): { bytes: number; deltaBytes: number | null } | null {
  const { mappings } = look.outside;
  if (mappings === null || toLayers(look, null).some(({ layer }) => layer === 'python-objects')) return null;
  const before = previous?.outside.mappings?.anonymousBytes;
  const bytes = mappings.anonymousBytes;
  return { bytes, deltaBytes: before === undefined ? null : bytes - before };
}

const LAYERS = ['python-objects', 'allocator', 'native', 'file', 'stacks', 'shared'] as const;
type LayerBytes = Record<SnapshotLayer['layer'], number | null>;

/** `isRead`: a forked child read the large blocks of every look, so that their difference is none of two methods. */
function layerBytes(look: Look, isRead: boolean): LayerBytes | null {
  const mappings = look.outside.mappings;
  if (mappings === null) return null;
  const outside = { file: mappings.fileBytes, stacks: mappings.stackBytes, shared: mappings.sharedBytes };
  const layers = look.inside?.layers;
  const split =
    layers === null || layers === undefined
      ? null
      : splitAnonymous(mappings.anonymousBytes, largePythonBytes(look, layers, isRead), layers);
  return { ...outside, 'python-objects': null, allocator: null, native: null, ...split };
}

function splitAnonymous(anonymousBytes: number, largePython: number, layers: ProbeLayers) {
  const { pymalloc, malloc } = layers;
  // Without pymalloc (PYTHONMALLOC=malloc) or without glibc's account the three can't be told apart.
  if (pymalloc === null || malloc === null || malloc.wraps) return null;
  const largeBytes = Math.min(malloc.usedBytes, largePython);
  const freeBytes =
    anonymousFree(pymalloc) +
    malloc.freeBytes +
    pymalloc.headerBytes +
    pymalloc.quantizationBytes +
    pymalloc.alignmentBytes;
  const beside = anonymousBytes - pymalloc.arenaBytes - malloc.usedBytes - malloc.freeBytes;
  const shortage = Math.max(0, -beside);
  const allocator = Math.max(0, freeBytes - shortage);
  const python = Math.min(anonymousBytes - allocator, pymalloc.usedBytes + largeBytes);
  return { 'python-objects': python, allocator, native: Math.max(0, anonymousBytes - allocator - python) };
}

function anonymousFree(pymalloc: { freeBlockBytes: number; freePoolBytes: number }): number {
  return pymalloc.freeBlockBytes + pymalloc.freePoolBytes;
}

/** Where no young object tells: just above the 512 bytes from which a block is large. A careful guess. */
const SMALLEST_LARGE_BYTES = 600;

/**
 * The Python blocks above 512 bytes, as a forked child read them; else an estimate: the larger of what the named containers hold (mean large bytes of their
 * newest entries, times length) and the interpreter's own count times the mean size of the young ones.
 */
function largePythonBytes(look: Look, { largeBlocks, youngLargeMeanBytes }: ProbeLayers, isRead: boolean): number {
  const read = look.inside?.child?.largeBytes ?? null;
  if (isRead && read !== null) return read;
  const named = (look.inside?.census?.containers ?? []).reduce(
    (sum, { length, largeBytesPerEntry }) => sum + length * (largeBytesPerEntry ?? 0),
    0,
  );
  return Math.max(named, (largeBlocks ?? 0) * (youngLargeMeanBytes ?? SMALLEST_LARGE_BYTES));
}
