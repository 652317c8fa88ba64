import { z } from 'zod';

/**
 * One raw look at a process: from outside (/proc) and, where a probe answers, from inside. Two of them make a Snapshot.
 * The schemas read only the fields that are used; docs/probe.md has the whole protocol. Sizes in bytes.
 */

/** Resident bytes by kind of mapping, from /proc/<pid>/smaps; kinds that only the process can split stay one. */
export type Mappings = {
  /** brk heap and anonymous mappings that are no thread's stack: Python objects, allocators, native code. */
  anonymousBytes: number;
  fileBytes: number;
  stackBytes: number;
  sharedBytes: number;
  /** Swapped out, not part of RSS. */
  swapBytes: number;
};

/** What the tightest limit of a process's cgroups leaves. Bytes. */
export type MemoryRoom = {
  limitBytes: number;
  headroomBytes: number;
  /** A kill takes every process of the cgroup (memory.oom.group). */
  killsGroup: boolean;
  /** Since the cgroup was made; null when it can't be read. */
  oomKills: number | null;
};

/** T0: what the kernel tells about a process without its help. Null: it may not be read. */
export type OutsideLook = {
  /** Epoch milliseconds. */
  at: number;
  /** Sum of the mappings where smaps can be read, else VmRSS (batched by the kernel, off by up to 2 %). */
  rssBytes: number;
  mappings: Mappings | null;
  threads: number;
  /** Kernel's state letter of the main thread: R, S, D, T, Z. */
  state: string;
  /** Threads by such a letter. */
  threadStates: Record<string, number> | null;
  openFiles: number | null;
  minorFaults: number;
  majorFaults: number;
  /** Another one at the second look: the process runs another program since. Null: not to be seen. */
  stackStart: number | null;
  /** PSI `some avg10` of the process's cgroup, else of the machine; 0..1. */
  memoryPressureRatio: number | null;
  /** Null: no cgroup of it has a limit. */
  room: MemoryRoom | null;
};

export const ProbeIdentity = z.object({
  pid: z.number(),
  startTicks: z.number(),
  python: z.string(),
  implementation: z.string(),
  release: z.string().nullable(),
});
export type ProbeIdentity = z.infer<typeof ProbeIdentity>;

export const ProbeLayers = z.object({
  pymalloc: z
    .object({
      arenaBytes: z.number(),
      usedBytes: z.number(),
      freeBlockBytes: z.number(),
      freePoolBytes: z.number(),
      headerBytes: z.number(),
      quantizationBytes: z.number(),
      alignmentBytes: z.number(),
    })
    .nullable(),
  malloc: z.object({ usedBytes: z.number(), freeBytes: z.number(), wraps: z.boolean() }).nullable(),
  allocator: z.string(),
  /** Python blocks above 512 bytes, which come from malloc: the interpreter counts them, but not their bytes. */
  largeBlocks: z.number().nullable(),
  /** Mean size of such blocks that young objects hold. */
  youngLargeMeanBytes: z.number().nullable(),
  tracingBytes: z.number(),
  isTracing: z.boolean(),
});
export type ProbeLayers = z.infer<typeof ProbeLayers>;

export const ProbeRuntime = z.object({
  gc: z.object({
    enabled: z.boolean(),
    thresholds: z.array(z.number()),
    collections: z.array(z.number()),
    freed: z.array(z.number()),
    longestPauseSeconds: z.number(),
    uncollectable: z.number(),
    frozen: z.number(),
  }),
  allocatedBlocks: z.number(),
  /** asyncio's tasks that are not done; null where it is not in use. Absent in probes that are older. */
  tasks: z
    .object({ pending: z.number(), byCoroutine: z.array(z.object({ name: z.string(), count: z.number() })) })
    .nullable()
    .default(null),
});
export type ProbeRuntime = z.infer<typeof ProbeRuntime>;

const ratio = z.number().nullable().default(null);

export const CensusContainer = z.object({
  path: z.string(),
  type: z.string(),
  length: z.number(),
  lengthDiff: z.number().nullable(),
  oldestKept: z.boolean().nullable(),
  maxLength: z.number().nullable(),
  bytesPerEntry: ratio,
  /** The part of `bytesPerEntry` in blocks above 512 bytes, which come from malloc. */
  largeBytesPerEntry: ratio,
  /** Such blocks per entry; the container's own table is none of them. */
  largeBlocksPerEntry: ratio,
  /** Standard error of `largeBytesPerEntry`, from the spread of the entries that were looked at. */
  largeBytesError: ratio,
  callableRatio: ratio,
  cyclicRatio: ratio,
});
export type CensusContainer = z.infer<typeof CensusContainer>;

export const ProbeCensus = z.object({
  token: z.string(),
  since: z.string().nullable(),
  sinceSeconds: z.number().nullable(),
  containers: z.array(CensusContainer),
  isComplete: z.boolean(),
  longestSliceSeconds: z.number(),
  cpuSeconds: z.number(),
});
export type ProbeCensus = z.infer<typeof ProbeCensus>;

export const ProbeTypes = z.object({
  types: z.array(z.object({ type: z.string(), count: z.number() })).nullable(),
  why: z.string().nullable(),
  stopSeconds: z.number(),
});
export type ProbeTypes = z.infer<typeof ProbeTypes>;

/** T3: what a forked child read in the whole heap. */
export const ProbeChild = z.object({
  /** Null when it ended before it had told everything. */
  token: z.string().nullable(),
  since: z.string().nullable(),
  endedBy: z.string(),
  stopSeconds: z.number(),
  /** Of the thread that forked: on an idle machine as long as the stop, on a loaded one what is left of it without the load. */
  stopCpuSeconds: z.number().nullable().default(null),
  types: z
    .array(z.object({ type: z.string(), count: z.number(), bytes: z.number(), countDiff: z.number().nullable() }))
    .nullable(),
  /** All Python blocks above 512 bytes, which come from malloc; null when the heap was not read. */
  largeBytes: z.number().nullable(),
  /** Containers that no module leads to: in local variables, or found by who holds them. */
  containers: z.array(CensusContainer),
  notes: z.array(z.string()),
  cpuSeconds: z.number().nullable(),
  /** Memory that was the child's alone at its end. */
  privateBytes: z.number().nullable(),
});
export type ProbeChild = z.infer<typeof ProbeChild>;

/** T2: a short tracing window. The allocating frame first. */
export const ProbeWindow = z.object({
  sites: z.array(
    z.object({
      bytes: z.number(),
      blocks: z.number(),
      frames: z.array(z.object({ file: z.string(), line: z.number(), function: z.string().nullable() })).min(1),
      /** Owner path of the growing container whose newest entries this line allocated. */
      container: z.string().nullable(),
    }),
  ),
  survivors: z.number(),
  stopSeconds: z.number(),
  tracedSeconds: z.number(),
});
export type ProbeWindow = z.infer<typeof ProbeWindow>;

/** What one command cost the process that it was answered in, by the probe's own meter. Bytes of RSS. */
export const ProbeCost = z.object({
  seconds: z.number(),
  /** Of the probe's threads. */
  cpuSeconds: z.number(),
  /** How much later than due a thread woke that slept 2 ms at a time meanwhile; null where none could be started. */
  longestStallSeconds: z.number().nullable(),
  rssBeforeBytes: z.number().nullable(),
  rssAfterBytes: z.number().nullable(),
});
/** `endedAt`: when the reply was here, epoch milliseconds. */
export type VerbCost = z.infer<typeof ProbeCost> & { endedAt: number };

/** T1: what the probe told. A verb that failed is null, and `notes` says why. */
export type InsideLook = {
  identity: ProbeIdentity;
  layers: ProbeLayers | null;
  runtime: ProbeRuntime | null;
  census: ProbeCensus | null;
  types: ProbeTypes | null;
  /** T3, where the service allows it. */
  child: ProbeChild | null;
  notes: readonly string[];
};

export type Look = { outside: OutsideLook; inside: InsideLook | null };
