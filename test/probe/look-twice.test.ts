import { afterEach, describe, expect, it } from 'vitest';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import { classifyPattern } from '../../src/analysis/pattern.ts';
import type { Snapshot } from '../../src/analysis/snapshot.ts';
import { findPythons, SUPPORTED } from '../support/pythons.ts';
import { startTarget, type Target } from './target.ts';

const pythons = findPythons();
const targets: Target[] = [];

async function start(python: string, program: string, options = {}): Promise<Target> {
  const target = await startTarget(python, program, options);
  targets.push(target);
  return target;
}

async function snapshotOf(target: Target): Promise<Snapshot> {
  const { target: subject, context } = await target.lookTarget();
  const outcome = await lookTwice(subject, context);
  if (outcome.outcome !== 'ok') throw new Error(`${outcome.why}; ${outcome.tryThis}`);
  return outcome.value;
}

afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.end()));
});

describe.each(SUPPORTED)('two looks into CPython %s', (minor) => {
  const python = pythons.find(({ version }) => version.startsWith(`${minor}.`));

  it.skipIf(python === undefined)(
    'name the retry queue by its owner path, and accuse no bounded container',
    async () => {
      const snapshot = await snapshotOf(
        await start(python?.path ?? '', 'retry_queue.py', { env: { MEMTRIAGE_RELEASE: 'v2' } }),
      );
      const [first] = snapshot.containers;
      expect(first).toMatchObject({ path: 'app.retries.QUEUE', type: 'list', oldestKept: true, maxLength: null });
      expect(first?.lengthDiff).toBeGreaterThan(100);
      expect(first?.bytesPerEntry).toBeGreaterThan(1000);
      expect(first?.bytesPerEntry).toBeLessThan(2500);
      const grown = snapshot.containers.filter(({ lengthDiff }) => (lengthDiff ?? 0) > 10).map(({ path }) => path);
      expect(grown).toEqual(['app.retries.QUEUE']);
      const pattern = classifyPattern(snapshot, { growthBytesPerHour: null, state: 'leak' });
      expect(pattern).toMatchObject({ name: 'accumulated-results', confidence: 'high' });
      expect(snapshot.release).toBe('v2');
    },
  );

  it.skipIf(python === undefined)('give layers that add up to the RSS, and what the process does', async () => {
    const snapshot = await snapshotOf(await start(python?.path ?? '', 'retry_queue.py'));
    expect(snapshot.layers.map(({ layer }) => layer)).toEqual([
      'python-objects',
      'allocator',
      'native',
      'file',
      'stacks',
      'shared',
    ]);
    expect(snapshot.layers.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(snapshot.rssBytes);
    const python3 = snapshot.layers.find(({ layer }) => layer === 'python-objects');
    expect(python3?.deltaBytes).toBeGreaterThan((snapshot.rssDeltaBytes ?? 0) * 0.7);
    expect(snapshot.process).toMatchObject({ python: python?.version, threads: 2 });
    expect(snapshot.gc?.enabled).toBe(true);
    expect(snapshot.gc?.allocationsPerSecond).toBeGreaterThan(100);
    expect(snapshot.types.find(({ type }) => type === 'dict')?.countDiff).toBeGreaterThan(100);
    expect(snapshot.longestPauseSeconds).toBeLessThan(0.1);
  });
});
