import { describe, expect, it } from 'vitest';
import type { VerbCost } from '../../src/analysis/look.ts';
import { describeCost, toLookCost } from '../../src/analysis/look-cost.ts';

const MIB = 1024 * 1024;

function cost(endedAt: number, seconds: number, [before, after]: [number, number], stall = 0.003): VerbCost {
  return {
    seconds,
    cpuSeconds: 0.012,
    longestStallSeconds: stall,
    rssBeforeBytes: before * MIB,
    rssAfterBytes: after * MIB,
    endedAt,
  };
}

describe('the cost of a look', () => {
  it('sums CPU, keeps the longest stall, and takes off what the process itself grew by meanwhile', () => {
    // It grows by 1 MiB a second: 10 MiB between the looks, and 1 MiB of what came in either second of a look.
    const first = [cost(1_000, 1, [50, 51.5], 0.002)];
    const second = [cost(12_000, 1, [61.5, 62.5], 0.009)];
    const told = toLookCost(first, second, [null, null], 0.004);
    expect(told).toEqual({
      stopSeconds: 0.004,
      cpuSeconds: 0.024,
      addedBytes: 0.5 * MIB,
      longestStallSeconds: 0.009,
      childBytes: null,
    });
    expect(told === null ? '' : describeCost(told)).toBe('the look cost 24 ms of CPU, longest stall 9 ms, +512 KiB');
  });

  it('is not told where no probe metered it, and the memory not where it could not be read', () => {
    expect(toLookCost([], [], [null, null], null)).toBeNull();
    const blind = { ...cost(1_000, 1, [50, 50]), rssBeforeBytes: null };
    expect(toLookCost([blind], [], [null, null], null)?.addedBytes).toBeNull();
  });
});
