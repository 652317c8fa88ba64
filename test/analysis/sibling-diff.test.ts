import { describe, expect, it } from 'vitest';
import type { InsideLook } from '../../src/analysis/look.ts';
import { toSiblingDiff } from '../../src/analysis/sibling-diff.ts';

type Counts = Record<string, number>;

function look(lengths: Counts | null, counts: Counts | null): InsideLook {
  const containers = Object.entries(lengths ?? {}).map(([path, length]) => ({
    path,
    type: 'list',
    length,
    lengthDiff: null,
    oldestKept: null,
    maxLength: null,
    bytesPerEntry: null,
    largeBytesPerEntry: null,
    largeBlocksPerEntry: null,
    largeBytesError: null,
    callableRatio: null,
    cyclicRatio: null,
  }));
  const seen = { since: null, sinceSeconds: null, isComplete: true, longestSliceSeconds: 0, cpuSeconds: 0 };
  const types = Object.entries(counts ?? {}).map(([type, count]) => ({ type, count }));
  return {
    identity: { pid: 1, startTicks: 1, python: '3.12.1', implementation: 'cpython', release: 'v2' },
    layers: null,
    runtime: null,
    census: lengths === null ? null : { token: '1.1', containers, ...seen },
    types: counts === null ? null : { types, why: null, stopSeconds: 0 },
    child: null,
    notes: [],
  };
}

const SIBLING = { instance: '7.7', release: 'v1' };

describe('the difference to a sibling', () => {
  it('lists what differs most first, by owner and by type, and leaves out what every two processes differ in', () => {
    const here = look({ 'app.QUEUE': 5000, 'app.CACHE': 700, 'app.SMALL': 100 }, { dict: 9000, tuple: 4010, set: 80 });
    const there = look({ 'app.QUEUE': 40, 'app.CACHE': 300, 'app.SMALL': 90 }, { dict: 3000, tuple: 4000, set: 80 });
    expect(toSiblingDiff(SIBLING, here, there)).toEqual({
      instance: '7.7',
      release: 'v1',
      typesDiff: [{ type: 'dict', count: 9000, countDiff: 6000 }],
      containersDiff: [
        { path: 'app.QUEUE', type: 'list', length: 5000, lengthDiff: 4960 },
        { path: 'app.CACHE', type: 'list', length: 700, lengthDiff: 400 },
      ],
    });
  });

  it('takes for what the sibling does not list as much as it may have: the least that it lists', () => {
    const diff = toSiblingDiff(SIBLING, look({ 'app.NEW': 500 }, {}), look({ 'app.OLD': 60 }, {}));
    expect(diff?.containersDiff).toEqual([{ path: 'app.NEW', type: 'list', length: 500, lengthDiff: 440 }]);
  });

  it('shows what the sibling holds more of too, as a negative number', () => {
    const diff = toSiblingDiff(SIBLING, look({ 'app.A': 100 }, null), look({ 'app.A': 900 }, null));
    expect(diff).toMatchObject({ typesDiff: [], containersDiff: [{ lengthDiff: -800 }] });
  });

  it('has at most ten rows of each', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`app.C${n}`, 1000 + n]));
    const none = look({ 'app.X': 32 }, { X: 1 });
    const diff = toSiblingDiff(SIBLING, look(many, many), none);
    expect([diff?.containersDiff.length, diff?.typesDiff.length]).toEqual([10, 10]);
  });

  it('is none where nothing can be compared', () => {
    expect(toSiblingDiff(SIBLING, look(null, { dict: 5 }), look({ 'app.A': 9 }, null))).toBeNull();
  });

  it('of two that hold the same is empty', () => {
    const same = look({ 'app.A': 500 }, { dict: 900 });
    expect(toSiblingDiff(SIBLING, same, same)).toMatchObject({ typesDiff: [], containersDiff: [] });
  });

  it('of a sibling that lists nothing is all that there is', () => {
    expect(toSiblingDiff(SIBLING, look({ 'app.A': 500 }, null), look({}, null))?.containersDiff).toEqual([
      { path: 'app.A', type: 'list', length: 500, lengthDiff: 500 },
    ]);
  });
});
