import { z } from 'zod';

/**
 * What a look into a live process found: two looks `windowSeconds` apart and their difference.
 * Bounded lists (top N), names, types, counts and sizes only: never values. What was not measured is null; an empty list
 * was measured, and nothing was found.
 */
const count = z.number().nullable();

export const SnapshotLayer = z.object({
  layer: z.enum(['python-objects', 'allocator', 'native', 'file', 'stacks', 'shared']),
  bytes: z.number(),
  deltaBytes: count,
  /** Of python-objects and native: so much of the change may be the other's. Absent where it is known well enough. */
  doubtBytes: z.number().optional(),
});
export type SnapshotLayer = z.infer<typeof SnapshotLayer>;

export const SnapshotSite = z.object({
  file: z.string(),
  line: z.number(),
  sizeDiffBytes: z.number(),
  countDiff: z.number(),
  /** `file:line function`, the allocating frame first. */
  traceback: z.array(z.string()),
  /** Owner path of the growing container whose newest entries this line allocated. */
  container: z.string().nullable().optional(),
});
export type SnapshotSite = z.infer<typeof SnapshotSite>;

export const SnapshotContainer = z.object({
  /** Owner path from a module's globals: `app.retries.QUEUE`. Keys are never part of it. */
  path: z.string(),
  type: z.string(),
  length: z.number(),
  lengthDiff: count,
  growthPerMinute: count,
  bytesPerEntry: count,
  /** Share of the process's RSS growth in the window that this container explains, 0..1. */
  explainsRatio: count,
  /** The oldest entries are the same objects as in the first look: nothing is evicted. */
  oldestKept: z.boolean().nullable(),
  /** Share of the newest entries that are callables, 0..1. */
  callableRatio: count,
  /** Share of the newest entries that reach themselves within a few hops, 0..1. */
  cyclicRatio: count,
  /** Bound of the container where it has one (deque maxlen, lru_cache maxsize). */
  maxLength: count,
});
export type SnapshotContainer = z.infer<typeof SnapshotContainer>;

export const SnapshotType = z.object({
  type: z.string(),
  count: z.number(),
  countDiff: count,
  /** Of the objects themselves, where a forked child read the heap. */
  bytes: z.number().optional(),
});
export type SnapshotType = z.infer<typeof SnapshotType>;

export const SnapshotGc = z.object({
  enabled: z.boolean(),
  thresholds: z.array(z.number()),
  /** Collections by generation in the window. */
  collections: z.array(z.number()),
  longestPauseSeconds: count,
  uncollectable: z.number(),
  /** Objects that `gc.freeze()` hides from the collector. */
  frozen: z.number().optional(),
  allocationsPerSecond: count,
});
export type SnapshotGc = z.infer<typeof SnapshotGc>;

export const SnapshotProcess = z.object({
  python: z.string().nullable(),
  threads: count,
  openFiles: count,
  minorFaultsPerSecond: count,
  majorFaultsPerSecond: count,
  /** PSI: share of the last 10 s in which some task waited for memory, 0..1. */
  memoryPressureRatio: count,
  /** By the kernel's letter of the state: R, S, D, T. */
  threadStates: z.record(z.string(), z.number()).nullable().optional(),
  /** Below the tightest limit of its cgroups, bytes; null without a limit. */
  headroomBytes: count.optional(),
  /** A kill would take the whole container (memory.oom.group). */
  killsGroup: z.boolean().optional(),
  /** asyncio's tasks that are not done, and how many more they became in the window. */
  tasks: z
    .object({
      pending: z.number(),
      pendingDiff: count,
      byCoroutine: z.array(z.object({ name: z.string(), count: z.number() })),
    })
    .nullable()
    .optional(),
});
export type SnapshotProcess = z.infer<typeof SnapshotProcess>;

/** What the look itself cost the process, as the probe measured it. */
export const SnapshotCost = z.object({
  /** Longest time that the probe held the interpreter's lock, or stopped the process for a fork. */
  stopSeconds: count,
  /** Of the probe's threads and its forked children. */
  cpuSeconds: z.number(),
  /** RSS that came during the look, without the growth of the process itself. */
  addedBytes: count,
  /** Longest delay of a heartbeat thread that woke every 2 ms while the look was at work; what delays the service anyway is in it. */
  longestStallSeconds: count,
  /** Most memory that a forked child had for its own; null without one. */
  childBytes: count,
});
export type SnapshotCost = z.infer<typeof SnapshotCost>;

/** How far a look comes, in order: from outside, the probe, a forked child; each at the first and the second look. */
export const Rung = z.enum(['outside', 'first-look', 'first-child', 'second-look', 'second-child']);
export type Rung = z.infer<typeof Rung>;

/** A look that was not carried to its end. `why` null: nobody has told yet. */
export const BrokenOff = z.object({
  /** The last rung that was seen, and how long after the look's beginning. */
  rung: Rung,
  seconds: z.number(),
  /** Part of a sentence, without a full stop. */
  why: z.string().nullable(),
});
export type BrokenOff = z.infer<typeof BrokenOff>;

export const Snapshot = z.object({
  instance: z.string(),
  release: z.string().nullable(),
  /** RFC 3339. */
  takenAt: z.string(),
  windowSeconds: z.number(),
  /** RSS of the process at the second look and its change in the window. */
  rssBytes: z.number(),
  rssDeltaBytes: count,
  /** Longest time the look held the process up, as far as the probe could see. */
  longestPauseSeconds: count,
  cost: SnapshotCost.nullable().optional(),
  layers: z.array(SnapshotLayer),
  /** Null: no allocating lines were traced. */
  sites: z.array(SnapshotSite).nullable(),
  containers: z.array(SnapshotContainer).nullable(),
  types: z.array(SnapshotType).nullable(),
  gc: SnapshotGc.nullable(),
  process: SnapshotProcess.nullable(),
  sibling: z
    .object({
      instance: z.string(),
      release: z.string().nullable(),
      typesDiff: z.array(SnapshotType).nullable(),
      containersDiff: z
        .array(z.object({ path: z.string(), type: z.string(), length: z.number(), lengthDiff: z.number() }))
        .nullable(),
      /** RFC 3339: it is no sibling of the same moment, but the census that was stored with the baseline then. */
      recordedAt: z.string().optional(),
    })
    .nullable(),
  /** Absent: the look came to its end. */
  brokenOff: BrokenOff.optional(),
  /** Why parts are missing, and what else is to know of the look, plain sentences: "type counts: not taken, heap of 3.1 M objects is too large to stop for". */
  notes: z.array(z.string()),
});
export type Snapshot = z.infer<typeof Snapshot>;

export const LeakPatternName = z.enum([
  'unbounded-cache',
  'accumulated-results',
  'callback-cycle',
  'reference-cycle',
  'native',
  'fragmentation',
  'warm-up',
  'load-driven',
  'none',
  'inconclusive',
]);
export type LeakPatternName = z.infer<typeof LeakPatternName>;

export const Confidence = z.enum(['high', 'medium', 'low']);
export type Confidence = z.infer<typeof Confidence>;

export const LeakPattern = z.object({
  name: LeakPatternName,
  confidence: Confidence,
  evidence: z.array(z.string()),
  counterEvidence: z.array(z.string()),
  fix: z.string().nullable(),
});
export type LeakPattern = z.infer<typeof LeakPattern>;
