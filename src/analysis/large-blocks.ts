import { formatBytes } from '../units.ts';
import type { CensusContainer, Look, ProbeLayers } from './look.ts';

/**
 * Python's blocks above 512 bytes. They come from malloc like native memory; the interpreter counts them exactly, but
 * not their bytes. Bytes; `before`: at the first look, null without one.
 */
export type LargeBlocks = {
  now: number;
  before: number | null;
  /** So much of the change may be native memory's, or of native's change Python's; 0 where it is known well enough. */
  doubtBytes: number;
  /** Blocks that came and whose size nothing told; the reason of the doubt where there are many. */
  unseenBlocks: number;
};

/** Mean of such blocks after a start with some imports: 1,040 to 1,440 bytes on CPython 3.8 to 3.13. */
const TYPICAL_BYTES = 1_300;
/** Imports, tables and the probe itself come to some 60 blocks between two looks; fewer are not worth a doubt. */
const FEW_BLOCKS = 100;
/** Blocks of unseen size are taken for all that malloc grew by where that makes them this large at most, which is told. */
const PLAUSIBLE_BYTES = 8_192;
/** A smaller doubt is within the error that a ledger is allowed: 5 % of the growth or 3 MB. */
const ALLOWED_ERROR = { ratio: 0.05, bytes: 3_000_000 };
/** How far a mean of other blocks may be off for blocks that no named container holds. */
const REST_ERROR_RATIO = 0.5;

/**
 * As forked children read them at both looks; else an estimate of the change: entries that came to named containers times
 * the large bytes of a sample of them, and the blocks that are left over times the mean of young ones. The count bounds
 * it: entries that two containers share are not counted twice. malloc's own account bounds it too; where all of its
 * growth lies within the error of the estimate, all of it is Python's.
 */
export function toLargeBlocks(look: Look, previous: Look | null): LargeBlocks {
  const read = look.inside?.child?.largeBytes ?? null;
  const readBefore = previous === null ? null : (previous.inside?.child?.largeBytes ?? null);
  if (read !== null && (previous === null || readBefore !== null))
    return { now: read, before: readBefore, doubtBytes: 0, unseenBlocks: 0 };
  const layers = look.inside?.layers ?? null;
  const held = layers === null ? 0 : heldBytes(look, layers);
  const earlier = previous?.inside?.layers ?? null;
  if (layers === null || earlier === null) return { now: held, before: null, doubtBytes: 0, unseenBlocks: 0 };
  const { bytes, doubtBytes, unseenBlocks, mallocGrowth } = toChange(look, layers, earlier);
  const before = Math.min(Math.max(0, held - bytes), earlier.malloc?.usedBytes ?? 0);
  const isInDoubt = doubtBytes > Math.max(ALLOWED_ERROR.bytes, ALLOWED_ERROR.ratio * Math.abs(mallocGrowth));
  return { now: before + bytes, before, doubtBytes: isInDoubt ? doubtBytes : 0, unseenBlocks };
}

/** One sentence where the split between Python and native memory is in doubt; none where it is not. */
export function doubtNotes({ doubtBytes, unseenBlocks }: LargeBlocks): string[] {
  if (doubtBytes === 0) return [];
  const why =
    unseenBlocks > 0
      ? `${unseenBlocks} new Python blocks above 512 bytes belong to no container that was seen, so their size is not known`
      : 'the entries of the growing containers differ much in size';
  return [
    `layers: take python-objects and native together, ${formatBytes(doubtBytes)} may belong to either: ${why}. A forked child reads it (\`snapshot: { fork: true }\`).`,
  ];
}

/** All that named containers hold, and the rest of the blocks at their typical size. */
function heldBytes(look: Look, { largeBlocks, malloc }: ProbeLayers): number {
  const { bytes, blocks } = sumOf(look, ({ length }) => length);
  const count = largeBlocks ?? 0;
  const share = blocks > count ? count / blocks : 1;
  const held = bytes * share + Math.max(0, count - blocks) * TYPICAL_BYTES;
  return Math.min(held, malloc?.usedBytes ?? held);
}

type Change = { bytes: number; doubtBytes: number; unseenBlocks: number; mallocGrowth: number };

function toChange(look: Look, layers: ProbeLayers, earlier: ProbeLayers): Change {
  const came = (layers.largeBlocks ?? 0) - (earlier.largeBlocks ?? 0);
  const named = sumOf(look, ({ lengthDiff }) => lengthDiff ?? 0);
  const isShared = named.blocks > Math.max(came, 0) + FEW_BLOCKS;
  const share = isShared ? Math.max(0, came) / named.blocks : 1;
  const unnamed = isShared ? 0 : came - named.blocks;
  const mallocGrowth = (layers.malloc?.usedBytes ?? 0) - (earlier.malloc?.usedBytes ?? 0);
  const rest = restBytes(unnamed, layers.youngLargeMeanBytes, mallocGrowth - named.bytes * share);
  const doubtBytes = named.error * share + rest.doubtBytes;
  const estimate = clamp(named.bytes * share + rest.bytes, Math.min(0, mallocGrowth), Math.max(0, mallocGrowth));
  const isAll = Math.abs(mallocGrowth - estimate) <= doubtBytes;
  const unseenBlocks = rest.doubtBytes > 0 ? unnamed : 0;
  return { bytes: isAll ? mallocGrowth : estimate, doubtBytes, unseenBlocks, mallocGrowth };
}

/** Blocks that no named container got. `left`: growth of malloc that they could be. */
function restBytes(blocks: number, youngMeanBytes: number | null, left: number): { bytes: number; doubtBytes: number } {
  const bytes = blocks * (blocks > 0 ? (youngMeanBytes ?? TYPICAL_BYTES) : TYPICAL_BYTES);
  if (Math.abs(blocks) <= FEW_BLOCKS) return { bytes, doubtBytes: 0 };
  const isPlausible = blocks > 0 && left > 0 && left / blocks <= PLAUSIBLE_BYTES;
  return { bytes, doubtBytes: Math.max(Math.abs(bytes) * REST_ERROR_RATIO, isPlausible ? Math.abs(left - bytes) : 0) };
}

/** Large bytes and blocks of `entriesOf` each named container, and twice the standard error of the bytes. */
function sumOf(look: Look, entriesOf: (row: CensusContainer) => number) {
  const sum = { bytes: 0, blocks: 0, error: 0 };
  for (const row of look.inside?.census?.containers ?? []) {
    const entries = entriesOf(row);
    sum.bytes += entries * (row.largeBytesPerEntry ?? 0);
    sum.blocks += entries * (row.largeBlocksPerEntry ?? 0);
    sum.error += 2 * Math.abs(entries) * (row.largeBytesError ?? 0);
  }
  return sum;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
