import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import type { SnapshotCost } from '../../src/analysis/snapshot.ts';
import { findPythons } from '../support/pythons.ts';
import { startTarget, type Target } from './target.ts';

const pythons = [...new Set([findPythons().at(0), findPythons().at(-1)])].filter((python) => python !== undefined);
const targets: Target[] = [];

async function costOf(target: Target, fork: boolean): Promise<SnapshotCost> {
  const { target: subject, context } = await target.lookTarget();
  const outcome = await lookTwice(subject, { ...context, windowSeconds: 0.3, traceWindow: null, fork });
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  if (outcome.value.cost == null) throw new Error('nothing was metered');
  return outcome.value.cost;
}

function threadsOf({ pid }: Target): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.end()));
});

describe.each(pythons)('what a look costs, in CPython $version', ({ path }) => {
  it('is told by the probe itself, and its heartbeat is gone afterwards', async () => {
    const target = await startTarget(path, 'sleeps.py');
    targets.push(target);
    const before = threadsOf(target);
    const cost = await costOf(target, true);
    expect(cost.cpuSeconds).toBeGreaterThan(0.001);
    expect(cost.longestStallSeconds).toBeGreaterThan(0);
    expect(cost.stopSeconds).toBeGreaterThan(0);
    expect(cost.childBytes).toBeGreaterThan(100_000);
    expect(cost.addedBytes).toBeLessThan(16 * 1024 * 1024);
    await expect.poll(() => threadsOf(target)).toBe(before);
  });

  it('has the stalls in it that other threads met meanwhile', async () => {
    const target = await startTarget(path, 'stalls.py');
    targets.push(target);
    expect((await costOf(target, false)).longestStallSeconds).toBeGreaterThan(0.1);
  });
});
