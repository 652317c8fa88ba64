import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { TraceWindow } from '../../src/adapters/transports/look-inside.ts';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import { classifyPattern } from '../../src/analysis/pattern.ts';
import type { Snapshot } from '../../src/analysis/snapshot.ts';
import { findPythons, SUPPORTED } from '../support/pythons.ts';
import { startTarget, type Target } from './target.ts';

const pythons = findPythons();
const targets: Target[] = [];
/** Where retry_queue.py allocates what it keeps. */
const LEAKING_LINE =
  readFileSync(new URL('./programs/retry_queue.py', import.meta.url), 'utf8')
    .split('\n')
    .findIndex((line) => line.includes('QUEUE.append')) + 1;

async function start(python: string, program: string, options = {}): Promise<Target> {
  const target = await startTarget(python, program, options);
  targets.push(target);
  return target;
}

async function snapshotOf(target: Target, traceWindow: TraceWindow | null): Promise<Snapshot> {
  const { target: subject, context } = await target.lookTarget();
  const outcome = await lookTwice(subject, { ...context, traceWindow });
  if (outcome.outcome !== 'ok') throw new Error(`${outcome.why}; ${outcome.tryThis}`);
  return outcome.value;
}

afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.end()));
});

it('a sibling of the service is looked into at the same time, and the difference names what one of them holds', async () => {
  const python = pythons.at(-1)?.path ?? '';
  const [sick, healthy] = await Promise.all([start(python, 'retry_queue.py'), start(python, 'sleeps.py')]);
  const { target: subject, context } = await sick.lookTarget();
  const { target, context: beside } = await healthy.lookTarget();
  if (beside.transport === null) throw new Error('no probe');
  const sibling = { target: { ...target, release: 'v1' }, transport: beside.transport };
  const outcome = await lookTwice(subject, { ...context, sibling, traceWindow: null });
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  expect(outcome.value.sibling).toMatchObject({ instance: target.instance, release: 'v1' });
  expect(outcome.value.sibling?.containersDiff?.[0]).toMatchObject({ path: 'app.retries.QUEUE', type: 'list' });
  expect(outcome.value.sibling?.containersDiff?.[0]?.lengthDiff).toBeGreaterThan(32);
  await healthy.end();
  const alone = await lookTwice(subject, { ...context, sibling, traceWindow: null, windowSeconds: 0.1 });
  if (alone.outcome !== 'ok') throw new Error(alone.why);
  expect(alone.value.sibling).toBeNull();
  expect(alone.value.notes.join()).toContain(`sibling ${target.instance}: not compared`);
});

describe.each(SUPPORTED)('two looks into CPython %s', (minor) => {
  const python = pythons.find(({ version }) => version.startsWith(`${minor}.`));

  it.skipIf(python === undefined)(
    'name the retry queue by its owner path, and accuse no bounded container',
    async () => {
      const snapshot = await snapshotOf(
        await start(python?.path ?? '', 'retry_queue.py', { env: { MEMTRIAGE_RELEASE: 'v2' } }),
        { seconds: 0.5, drainSeconds: 0.5 },
      );
      const [first] = snapshot.containers ?? [];
      expect(first).toMatchObject({ path: 'app.retries.QUEUE', type: 'list', oldestKept: true, maxLength: null });
      expect(first?.lengthDiff).toBeGreaterThan(100);
      expect(first?.bytesPerEntry).toBeGreaterThan(1000);
      expect(first?.bytesPerEntry).toBeLessThan(2500);
      const grown = snapshot.containers?.filter(({ lengthDiff }) => (lengthDiff ?? 0) > 10).map(({ path }) => path);
      expect(grown).toEqual(['app.retries.QUEUE']);
      const pattern = classifyPattern(snapshot, { growthBytesPerHour: null, state: 'leak' });
      expect(pattern).toMatchObject({ name: 'accumulated-results', confidence: 'high' });
      expect(snapshot.release).toBe('v2');
      expect(snapshot.notes).toEqual([]);
      expect(snapshot.sites?.[0]).toMatchObject({ container: 'app.retries.QUEUE', line: LEAKING_LINE });
      expect(snapshot.sites?.[0]?.traceback[0]).toMatch(/retry_queue\.py:\d+ request$/);
      expect(pattern.evidence.join(' ')).toContain(`retry_queue.py:${LEAKING_LINE} request`);
    },
  );

  it.skipIf(python === undefined)('give layers that add up to the RSS, and what the process does', async () => {
    const snapshot = await snapshotOf(await start(python?.path ?? '', 'retry_queue.py'), null);
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
    expect(snapshot.types?.find(({ type }) => type === 'dict')?.countDiff).toBeGreaterThan(100);
    expect(snapshot.types?.filter(({ type }) => type.startsWith('memtriage_probe'))).toEqual([]);
    expect(snapshot.longestPauseSeconds).toBeGreaterThan(0);
  });
});
