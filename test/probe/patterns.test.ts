import { describe, expect, it } from 'vitest';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import { classifyPattern } from '../../src/analysis/pattern.ts';
import type { LeakPattern, Snapshot } from '../../src/analysis/snapshot.ts';
import { findPythons } from '../support/pythons.ts';
import { startTarget } from './target.ts';

// The oldest and the newest interpreter of this machine; bench/probe.ts runs all of them.
const pythons = [...new Set([findPythons().at(0), findPythons().at(-1)])].filter((python) => python !== undefined);

async function lookAt(python: string, program: string): Promise<{ snapshot: Snapshot; pattern: LeakPattern }> {
  const target = await startTarget(python, 'patterns.py', { args: [program] });
  const { target: subject, context } = await target.lookTarget();
  const outcome = await lookTwice(subject, { ...context, windowSeconds: 0.8, traceWindow: null });
  await target.end();
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  return {
    snapshot: outcome.value,
    pattern: classifyPattern(outcome.value, { growthBytesPerHour: null, state: 'leak' }),
  };
}

describe.each(pythons)('the pattern of a real leak in CPython $version', ({ path }) => {
  it.concurrent.each([
    ['dict_cache', 'unbounded-cache', 'app.SESSIONS'],
    ['cache_in_instance', 'unbounded-cache', 'app.manager.by_user'],
    ['memoized', 'unbounded-cache', 'app.rate'],
    ['seen_ids', 'unbounded-cache', 'app.SEEN'],
    ['results_list', 'accumulated-results', 'app.RESULTS'],
    ['backlog', 'accumulated-results', 'app.JOBS.queue'],
    ['closure_history', 'accumulated-results', 'app.record.<closure history>'],
    ['class_attribute', 'accumulated-results', 'app.Audit.entries'],
    ['callbacks', 'callback-cycle', 'app.BUS.handlers[*]'],
    ['bound_methods', 'callback-cycle', 'app.listeners'],
  ])('%s is %s in %s', async (program, name, owner) => {
    const { snapshot, pattern } = await lookAt(path, program);
    expect(snapshot.containers?.[0]?.path).toBe(owner);
    expect(pattern).toMatchObject({ name, confidence: 'high' });
  });

  it.concurrent.each([
    ['native', 'native'],
    ['cycles_without_gc', 'reference-cycle'],
  ])('%s is %s, without an owner', async (program, name) => {
    expect((await lookAt(path, program)).pattern.name).toBe(name);
  });

  it.concurrent.each(['bounded_lru', 'bounded_memo', 'recent', 'high_water'])(
    '%s is healthy: no container is accused',
    async (program) => {
      const { pattern } = await lookAt(path, program);
      expect(['none', 'inconclusive', 'fragmentation']).toContain(pattern.name);
      expect(pattern.confidence).not.toBe('high');
    },
  );
});
