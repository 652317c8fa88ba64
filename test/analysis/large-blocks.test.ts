import { describe, expect, it } from 'vitest';
import { doubtNotes, type LargeBlocks, toLargeBlocks } from '../../src/analysis/large-blocks.ts';
import type { CensusContainer, Look, ProbeLayers } from '../../src/analysis/look.ts';

const MB = 1_000_000;

type Inside = { blocks: number; mallocBytes: number; young?: number; containers?: CensusContainer[] };

function look({ blocks, mallocBytes, young, containers = [] }: Inside): Look {
  const layers: ProbeLayers = {
    pymalloc: null,
    malloc: { usedBytes: mallocBytes, freeBytes: 0, wraps: false },
    allocator: 'glibc',
    largeBlocks: blocks,
    youngLargeMeanBytes: young ?? null,
    tracingBytes: 0,
    isTracing: false,
  };
  const rest = { since: null, sinceSeconds: null, isComplete: true, longestSliceSeconds: 0, cpuSeconds: 0 };
  return {
    outside: {
      at: 0,
      rssBytes: 0,
      mappings: null,
      threads: 1,
      state: 'S',
      threadStates: null,
      openFiles: null,
      minorFaults: 0,
      majorFaults: 0,
      memoryPressureRatio: null,
      room: null,
      stackStart: null,
    },
    inside: {
      identity: { pid: 1, startTicks: 1, python: '3.12.1', implementation: 'cpython', release: null },
      layers,
      runtime: null,
      census: { token: '1.1', containers, ...rest },
      types: null,
      child: null,
      notes: [],
    },
  };
}

function grown(path: string, entries: number, entryBytes: number, error = 0): CensusContainer {
  return {
    path,
    type: 'list',
    length: entries,
    lengthDiff: entries,
    oldestKept: true,
    maxLength: null,
    bytesPerEntry: entryBytes,
    largeBytesPerEntry: entryBytes,
    largeBlocksPerEntry: 1,
    largeBytesError: error,
    callableRatio: 0,
    cyclicRatio: 0,
  };
}

function change({ now, before }: LargeBlocks): number {
  return now - (before ?? Number.NaN);
}

describe('Python blocks above 512 bytes, by T1 alone', () => {
  const start = look({ blocks: 1_000, mallocBytes: 3 * MB });

  it('are told from a native leak at the same time by what a named list holds', () => {
    const containers = [grown('app.RESULTS', 10_000, 3_000, 30)];
    const found = toLargeBlocks(look({ blocks: 11_020, mallocBytes: 63 * MB, containers }), start);
    expect(change(found)).toBeGreaterThan(29.9 * MB);
    expect(change(found)).toBeLessThan(30.1 * MB);
    expect(found.doubtBytes).toBe(0);
  });

  it('are all of the growth of malloc where that is within the error of the sample', () => {
    const containers = [grown('app.RESULTS', 10_000, 3_000, 80)];
    const found = toLargeBlocks(look({ blocks: 11_000, mallocBytes: 34 * MB, containers }), start);
    expect(change(found)).toBe(31 * MB);
  });

  it('do not count twice what two containers share: the interpreter counts the blocks', () => {
    const containers = [grown('app.RESULTS', 10_000, 3_000), grown('app.BY_NAME', 10_000, 3_000)];
    const found = toLargeBlocks(look({ blocks: 11_000, mallocBytes: 83 * MB, containers }), start);
    expect(change(found)).toBe(30 * MB);
  });

  it('take nothing of a native leak for some blocks of imports, however large those are held for', () => {
    const found = toLargeBlocks(look({ blocks: 1_060, mallocBytes: 80 * MB, young: 7_000 }), start);
    expect(change(found)).toBeLessThan(0.5 * MB);
    expect(found.doubtBytes).toBe(0);
    expect(doubtNotes(found)).toEqual([]);
  });

  it('stand still where a cache of them does, beside a native leak', () => {
    const cache = { ...grown('app.CACHE', 20_000, 3_000), lengthDiff: 0 };
    const before = look({ blocks: 21_000, mallocBytes: 65 * MB, containers: [cache] });
    const found = toLargeBlocks(
      look({ blocks: 20_990, mallocBytes: 85 * MB, young: 900, containers: [cache] }),
      before,
    );
    expect(Math.abs(change(found))).toBeLessThan(0.1 * MB);
    expect(found.now).toBeGreaterThan(60 * MB);
  });

  it('that no container was seen to hold are told in doubt, not guessed with confidence', () => {
    const found = toLargeBlocks(look({ blocks: 16_000, mallocBytes: 53 * MB, young: 900 }), start);
    expect(change(found)).toBe(50 * MB);
    expect(found.doubtBytes).toBeGreaterThan(30 * MB);
    expect(doubtNotes(found).join()).toMatch(/15000 new Python blocks .* belong to no container .* forked child/);
    // 75 KB each is too much to be all theirs.
    const few = toLargeBlocks(look({ blocks: 2_000, mallocBytes: 78 * MB, young: 900 }), start);
    expect(change(few)).toBeLessThan(2 * MB);
  });

  it('are what the forked children read, where both looks had one', () => {
    const read = (largeBytes: number, of: Look): Look => {
      if (of.inside === null) throw new Error('no inside');
      const stop = { stopSeconds: 0, stopCpuSeconds: null, cpuSeconds: null, privateBytes: null };
      const rest = { token: null, since: null, endedBy: 'done', types: null, containers: [], notes: [] };
      return { ...of, inside: { ...of.inside, child: { ...rest, ...stop, largeBytes } } };
    };
    const found = toLargeBlocks(read(9 * MB, look({ blocks: 16_000, mallocBytes: 53 * MB })), read(2 * MB, start));
    expect(found).toMatchObject({ now: 9 * MB, before: 2 * MB, doubtBytes: 0 });
  });
});
