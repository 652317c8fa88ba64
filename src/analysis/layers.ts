import { toLargeBlocks } from './large-blocks.ts';
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
 * Python blocks above 512 bytes are read by a forked child or estimated (large-blocks.ts), at most malloc's use.
 * Method and its measured error (within 3 % or 2.5 MB of the truth on nine programs): see docs/probe.md.
 */
export function toLayers(look: Look, previous: Look | null): SnapshotLayer[] {
  const large = toLargeBlocks(look, previous);
  const now = layerBytes(look, large.now);
  const before = previous === null ? null : layerBytes(previous, large.before);
  return LAYERS.flatMap((layer) => {
    const bytes = now?.[layer];
    if (bytes === undefined || bytes === null) return [];
    const earlier = before?.[layer] ?? null;
    const row = { layer, bytes, deltaBytes: earlier === null ? null : bytes - earlier };
    return [large.doubtBytes > 0 && isSplitOfMalloc(layer) ? { ...row, doubtBytes: large.doubtBytes } : row];
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

function isSplitOfMalloc(layer: SnapshotLayer['layer']): boolean {
  return layer === 'python-objects' || layer === 'native';
}

const LAYERS = ['python-objects', 'allocator', 'native', 'file', 'stacks', 'shared'] as const;
type LayerBytes = Record<SnapshotLayer['layer'], number | null>;

function layerBytes(look: Look, largePython: number | null): LayerBytes | null {
  const mappings = look.outside.mappings;
  if (mappings === null) return null;
  const outside = { file: mappings.fileBytes, stacks: mappings.stackBytes, shared: mappings.sharedBytes };
  const layers = look.inside?.layers ?? null;
  const split =
    layers === null || largePython === null ? null : splitAnonymous(mappings.anonymousBytes, largePython, layers);
  return { ...outside, 'python-objects': null, allocator: null, native: null, ...split };
}

function splitAnonymous(anonymousBytes: number, largePython: number, layers: ProbeLayers) {
  const { pymalloc, malloc } = layers;
  // Without pymalloc (PYTHONMALLOC=malloc) or glibc's account the three can't be told apart; under another malloc that is empty.
  if (pymalloc === null || malloc === null || malloc.wraps || layers.allocator !== 'glibc') return null;
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
