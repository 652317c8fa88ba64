import { describe, expect, it } from 'vitest';
import { classifyPattern } from '../../src/analysis/pattern.ts';
import type { MemoryState } from '../../src/analysis/series.ts';
import type { Snapshot, SnapshotContainer, SnapshotLayer } from '../../src/analysis/snapshot.ts';

const MB = 1_000_000;

function container(path: string, type: string, facts: Partial<SnapshotContainer> = {}): SnapshotContainer {
  const shape = {
    oldestKept: true,
    callableRatio: 0,
    cyclicRatio: 0,
    maxLength: null,
    growthPerMinute: null,
    explainsRatio: null,
  };
  return { path, type, length: 20_000, lengthDiff: 10_000, bytesPerEntry: 900, ...shape, ...facts };
}

function layers(python: number, allocator: number, native: number): SnapshotLayer[] {
  const rows = [
    ['python-objects', 60 * MB, python],
    ['allocator', 8 * MB, allocator],
    ['native', 20 * MB, native],
  ] as const;
  return rows.map(([layer, bytes, deltaBytes]) => ({ layer, bytes: bytes + deltaBytes, deltaBytes }));
}

function snapshot(facts: Partial<Snapshot>): Snapshot {
  return {
    instance: '1.1',
    release: 'v2',
    takenAt: '2026-11-22T10:00:00.000Z',
    windowSeconds: 30,
    rssBytes: 100 * MB,
    rssDeltaBytes: 10 * MB,
    longestPauseSeconds: 0.002,
    layers: layers(9 * MB, 1 * MB, 0),
    sites: null,
    containers: [],
    types: [],
    gc: {
      enabled: true,
      thresholds: [700, 10, 10],
      collections: [3, 1, 0],
      longestPauseSeconds: 0.001,
      uncollectable: 0,
      allocationsPerSecond: 100,
    },
    process: null,
    sibling: null,
    notes: [],
    ...facts,
  };
}

const gcOff = { ...snapshot({}).gc, enabled: false } as NonNullable<Snapshot['gc']>;

type Row = [sign: string, facts: Partial<Snapshot>, state: MemoryState, name: string, confidence: string];

const TRUTH: Row[] = [
  [
    'a dict that keeps everything',
    { containers: [container('app.cache.SESSIONS', 'dict')] },
    'leak',
    'unbounded-cache',
    'high',
  ],
  [
    'the same before the series is sure',
    { containers: [container('app.cache.SESSIONS', 'dict')] },
    'inconclusive',
    'unbounded-cache',
    'medium',
  ],
  [
    'a set of seen ids',
    { containers: [container('app.dedupe.SEEN', 'set', { oldestKept: null })] },
    'leak',
    'unbounded-cache',
    'high',
  ],
  [
    'an lru_cache without a bound',
    { containers: [container('app.rates.rate', 'lru_cache', { oldestKept: null })] },
    'leak',
    'unbounded-cache',
    'high',
  ],
  [
    'a list of failed payloads',
    { containers: [container('app.retries.QUEUE', 'list')] },
    'leak',
    'accumulated-results',
    'high',
  ],
  ['a dict of results', { containers: [container('app.jobs.RESULTS', 'dict')] }, 'leak', 'accumulated-results', 'high'],
  [
    'a deque without maxlen',
    { containers: [container('app.main.pending', 'deque')] },
    'leak',
    'accumulated-results',
    'high',
  ],
  [
    'a list of functions',
    { containers: [container('app.bus.BUS.x[*]', 'list', { callableRatio: 1 })] },
    'leak',
    'callback-cycle',
    'high',
  ],
  [
    'a list of listener objects',
    { containers: [container('app.hub.HUB.listeners', 'list', { cyclicRatio: 1 })] },
    'leak',
    'callback-cycle',
    'high',
  ],
  [
    'a backlog that moves on',
    { containers: [container('app.q.QUEUE', 'list', { oldestKept: false })] },
    'leak',
    'accumulated-results',
    'low',
  ],
  [
    'a handful of new entries',
    { containers: [container('app.x.X', 'dict', { lengthDiff: 10, bytesPerEntry: 900_000 })] },
    'leak',
    'unbounded-cache',
    'low',
  ],
  [
    'a container that explains a third',
    { containers: [container('app.x.X', 'dict', { bytesPerEntry: 330 })] },
    'leak',
    'unbounded-cache',
    'low',
  ],
  ['a bystander', { containers: [container('app.x.X', 'dict', { bytesPerEntry: 30 })] }, 'leak', 'inconclusive', 'low'],
  [
    'a deque with maxlen that fills',
    { containers: [container('app.x.R', 'deque', { maxLength: 50_000 })] },
    'leak',
    'inconclusive',
    'low',
  ],
  ['native memory', { layers: layers(0, 0, 10 * MB) }, 'leak', 'native', 'medium'],
  [
    'native memory beside a small container',
    { layers: layers(1 * MB, 0, 9 * MB), containers: [container('app.x.X', 'dict', { bytesPerEntry: 100 })] },
    'leak',
    'native',
    'medium',
  ],
  [
    'memory kept free after a peak',
    { layers: layers(-50 * MB, 60 * MB, 0), rssDeltaBytes: 0 },
    'suspect',
    'fragmentation',
    'medium',
  ],
  ['cycles while the collector is off', { gc: gcOff }, 'leak', 'reference-cycle', 'medium'],
  ['objects without an owner', {}, 'leak', 'inconclusive', 'low'],
  ['nothing seen inside', { layers: [], gc: null }, 'leak', 'inconclusive', 'low'],
  ['a healthy series with a growing dict', { containers: [container('app.x.X', 'dict')] }, 'healthy', 'none', 'high'],
  [
    'a level that a healthy release reached',
    { containers: [container('app.x.X', 'dict')] },
    'filling',
    'warm-up',
    'medium',
  ],
];

describe('the leak pattern', () => {
  it.each(TRUTH)('of %s', (_, facts, state, name, confidence) => {
    const pattern = classifyPattern(snapshot(facts), { growthBytesPerHour: null, state });
    expect({ name: pattern.name, confidence: pattern.confidence }).toEqual({ name, confidence });
    expect(pattern.evidence.length).toBeGreaterThan(0);
    expect(pattern.fix === null).toBe(name === 'inconclusive' || name === 'none');
  });

  it('is the load when memory comes back with quiet traffic', () => {
    const pattern = classifyPattern(snapshot({}), { growthBytesPerHour: null, state: 'leak', returnsInQuiet: true });
    expect(pattern.name).toBe('load-driven');
  });

  it('names the container, its growth and what it explains', () => {
    const facts = { containers: [container('app.retries.QUEUE', 'list')] };
    const { evidence, fix } = classifyPattern(snapshot(facts), { growthBytesPerHour: null, state: 'leak' });
    expect(evidence[0]).toBe(
      'app.retries.QUEUE (list, 20000 entries) grew by 10000 in 30 s, 900 B an entry: 90 % of the growth',
    );
    expect(fix).toContain('app.retries.QUEUE');
  });

  it('measures a blind window by the recorded rate: RSS stood still, the series did not', () => {
    const facts = { rssDeltaBytes: 0, containers: [container('app.retries.QUEUE', 'list')] };
    const rate = (10 * MB * 3600) / 30;
    expect(classifyPattern(snapshot(facts), { growthBytesPerHour: rate, state: 'leak' }).confidence).toBe('high');
    const blind = classifyPattern(snapshot(facts), { growthBytesPerHour: null, state: 'inconclusive' });
    expect(blind).toMatchObject({ name: 'accumulated-results', confidence: 'low' });
    expect(blind.counterEvidence.join(' ')).toContain('RSS did not grow');
  });
});
