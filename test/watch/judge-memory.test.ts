import { describe, expect, it } from 'vitest';
import type { Baseline } from '../../src/analysis/baseline.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import { judgeMemory } from '../../src/watch/judge-memory.ts';
import { instanceOf, memoryOf, ripple } from '../analysis/memory-of.ts';

const MIB = 2 ** 20;
const HOUR = 3600;

/** One process that holds 400 MiB, watched for `hours` from its start on. */
function look(
  hours: number,
  bytesAt: (hours: number) => number,
  given: { limitBytes?: number; baseline?: Baseline } = {},
) {
  const untilSeconds = hours * HOUR;
  const process = instanceOf(
    { startedAt: 0, untilSeconds, everySeconds: 60 },
    (age) => (400 + ripple(age) + bytesAt(age / HOUR)) * MIB,
  );
  const memory = memoryOf([process], { limitBytes: given.limitBytes ?? null });
  const baseline = given.baseline ?? null;
  return judgeMemory({ memory, baseline, policy: DEFAULT_POLICY, nowSeconds: untilSeconds }).signs;
}

const quietAndBusy = (age: number) => (Math.floor(age / 2) % 2 === 0 ? 0 : 100);

function baselineOf(bytes: number, spreadBytes: number): Baseline {
  return {
    schema: 1,
    service: 'checkout',
    release: 'v1',
    recordedAt: '2026-11-22T10:00:00Z',
    source: 'auto',
    setBy: null,
    bytes,
    spreadBytes,
    profile: [],
    growthBytesPerHour: null,
    windowSeconds: 6 * HOUR,
    instances: 1,
    limitBytes: null,
    census: null,
  };
}

describe('a look', () => {
  it('sees a fast leak where growth is certainly beyond the hourly budget, and a slow one below it', () => {
    expect(look(6, (age) => 40 * age)).toContain('fast-leak');
    const slow = look(12, (age) => 2.4 * age);
    expect(slow).toContain('slow-leak');
    expect(slow).not.toContain('fast-leak');
  });

  it('is critical when the limit is expected within the time to react, and not before', () => {
    const leak = (age: number) => 40 * age;
    expect(look(6, leak, { limitBytes: 660 * MIB })).toContain('critical');
    expect(look(6, leak, { limitBytes: 900 * MIB })).not.toContain('critical');
  });

  it('finds busy hours within the budget of a release that was healthy with them', () => {
    const signs = (spread: number) => look(8, quietAndBusy, { baseline: baselineOf(400 * MIB, spread * MIB) });
    expect(signs(50)).toEqual([]);
    expect(signs(0)).toContain('warning');
  });
});
