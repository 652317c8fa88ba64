import { describe, expect, it } from 'vitest';
import type { InsideLook } from '../../src/analysis/look.ts';
import { baselineDiffNote, toBaselineDiff, toCensus, toSiblingDiff } from '../../src/analysis/sibling-diff.ts';

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
    expect(diff).toMatchObject({ typesDiff: null, containersDiff: [{ lengthDiff: -800 }] });
  });

  it('has at most ten rows of each', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`app.C${n}`, 1000 + n]));
    const none = look({ 'app.X': 32 }, { X: 1 });
    const diff = toSiblingDiff(SIBLING, look(many, many), none);
    expect([diff?.containersDiff?.length, diff?.typesDiff?.length]).toEqual([10, 10]);
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

describe('the difference to the census of the baseline', () => {
  const recordedAt = '2026-11-19T10:00:00.000Z';
  const now = Date.parse('2026-11-22T10:00:00.000Z');
  const then = toCensus('7.7', look({ 'app.QUEUE': 40, 'app.CACHE': 300 }, { dict: 3000 }), Date.parse(recordedAt));
  if (then === null) throw new Error('nothing was seen');
  const healthy = { release: 'v811', recordedAt, census: then };

  it('is that to a sibling, with the process and the time that it is of', () => {
    const here = look({ 'app.QUEUE': 5000, 'app.CACHE': 310 }, { dict: 9000 });
    expect(toBaselineDiff(healthy, here)).toEqual({
      instance: '7.7',
      release: 'v811',
      recordedAt,
      typesDiff: [{ type: 'dict', count: 9000, countDiff: 6000 }],
      containersDiff: [{ path: 'app.QUEUE', type: 'list', length: 5000, lengthDiff: 4960 }],
    });
  });

  it('says how old it is, and when another Python ran then', () => {
    const same = baselineDiffNote(healthy, look({}, {}), now);
    expect(same).toMatch(/the census of v811 at its baseline, 3 d old\.$/);
    const older = { ...healthy, census: { ...then, python: '3.8.18' } };
    expect(baselineDiffNote(older, look({}, {}), now)).toContain('ran Python 3.8.18 where this one runs 3.12.1');
  });

  it('leaves out what was not counted then, instead of taking it for nothing', () => {
    const uncounted = { ...healthy, census: { ...then, types: [] } };
    expect(toBaselineDiff(uncounted, look({ 'app.QUEUE': 5000 }, { dict: 9000 }))?.typesDiff).toBeNull();
    expect(toBaselineDiff({ ...healthy, census: { ...then, types: [], containers: [] } }, look({}, {}))).toBeNull();
  });

  it('is made from at most 40 of the longest, with short names', () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`app.${'x'.repeat(400)}${i}`, 100 + i]));
    const census = toCensus('1.1', look(many, null), now);
    expect(census?.containers).toHaveLength(40);
    expect(census?.containers[0]?.length).toBe(159);
    expect(census?.containers[0]?.path.length).toBe(300);
    expect(toCensus('1.1', look(null, null), now)).toBeNull();
  });
});
