import { describe, expect, it } from 'vitest';
import { analyzeSeries } from '../../src/analysis/analyze-series.ts';
import type { Baseline } from '../../src/analysis/baseline.ts';
import { considerBaseline, measureBaseline } from '../../src/analysis/baseline-record.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/analysis/policy.ts';
import { settingsFrom } from '../../src/analysis/settings.ts';
import { toSeriesCase } from '../../src/analysis/to-series-case.ts';
import { instanceOf, memoryOf, ripple } from './memory-of.ts';

const MIB = 1024 * 1024;
const START = 1_790_000_000;

/** A demonstration's windows: seconds where production has minutes. */
const POLICY: Policy = {
  ...DEFAULT_POLICY,
  warning: { overRatio: 0.15, forSeconds: 5 },
  critical: { overRatio: 0.3, forSeconds: 5, oomKills: 2, withinSeconds: 60 },
  warmUpSeconds: 3,
};

const healthyLevel = (age: number) => (45 - 12 * Math.exp(-age / 1.2) + 0.05 * ripple(age)) * MIB;
const leakingLevel = (age: number) => healthyLevel(age) + (45 * age * MIB) / 60 + 0.3 * ripple(age) * MIB;

const v1 = (until: number) => instanceOf({ startedAt: START, untilSeconds: until, everySeconds: 0.5 }, healthyLevel);
const ended = (until: number) => ({ ...v1(until), endedAt: until, endReason: 'deploy' as const });
const v2 = (from: number, until: number) =>
  instanceOf({ startedAt: from, untilSeconds: until, everySeconds: 0.5, release: 'v2' }, leakingLevel);

function recorded(): Baseline {
  const now = START + 70;
  const considered = considerBaseline({ memory: memoryOf([v1(now)]), policy: POLICY, nowSeconds: now, current: null });
  if ('refused' in considered) throw new Error(considered.refused);
  const rest = { schema: 1, service: 'checkout', recordedAt: '', source: 'auto', setBy: null, census: null } as const;
  return { ...considered.record, ...rest };
}

describe('a process that lives for a minute', () => {
  it('is recorded as the baseline once it ran through the warm-up and a full window', () => {
    const baseline = recorded();
    expect(baseline.release).toBe('v1');
    expect(baseline.bytes / MIB).toBeCloseTo(45, 0);
    expect(baseline.profile.length).toBeLessThanOrEqual(200);
  });

  it('leaks for certain 30 s after the deploy that made it leak, and should be rolled back', () => {
    const deployed = START + 75;
    const now = deployed + 30;
    const memory = memoryOf([ended(deployed), v2(deployed, now)], { limitBytes: 256 * MIB });
    const analysis = analyzeSeries(
      toSeriesCase({ memory, baseline: recorded(), policy: POLICY, nowSeconds: now }),
      settingsFrom(POLICY),
    );
    expect(analysis).toMatchObject({ state: 'leak', verdict: 'critical', leaking: true });
    expect(analysis.deploy).toEqual({ isChangePoint: true, rollback: 'yes' });
    const expected = 45 * MIB * 60;
    expect(analysis.growth?.low).toBeLessThan(expected);
    expect(analysis.growth?.high).toBeGreaterThan(expected);
    expect(Math.abs((analysis.onset?.atSeconds ?? 0) - deployed)).toBeLessThan(4);
    expect(analysis.overBaselineRatio).toBeGreaterThan(0.3);
    expect(analysis.timeToLimitSeconds?.estimate).toBeGreaterThan(60);
  });

  it('is not judged on few samples', () => {
    const deployed = START + 75;
    const now = deployed + 5;
    const memory = memoryOf([ended(deployed), v2(deployed, now)]);
    const analysis = analyzeSeries(
      toSeriesCase({ memory, baseline: recorded(), policy: POLICY, nowSeconds: now }),
      settingsFrom(POLICY),
    );
    expect(analysis.state).toBe('inconclusive');
    expect(analysis.leaking).toBeNull();
    expect(analysis.deploy?.rollback).toBe('need-more-evidence');
  });

  it('never becomes a baseline when it leaks, however long it runs', () => {
    for (const seconds of [63, 70, 90, 180]) {
      const now = START + seconds;
      const leaking = instanceOf({ startedAt: START, untilSeconds: now, everySeconds: 0.5 }, leakingLevel);
      const considered = considerBaseline({
        memory: memoryOf([leaking]),
        policy: POLICY,
        nowSeconds: now,
        current: null,
      });
      expect(considered).toHaveProperty('refused');
    }
  });
});

it('no baseline is measured from samples that are none: it would take the place of the one in force', () => {
  const broken = instanceOf({ startedAt: 0, untilSeconds: 600, everySeconds: 15 }, () => 0);
  const ahead = instanceOf({ startedAt: 5000, untilSeconds: 5600, everySeconds: 15 }, () => 1e8);
  for (const one of [broken, ahead])
    expect(measureBaseline({ memory: memoryOf([one]), policy: POLICY, nowSeconds: 600 })).toEqual({
      refused: 'no sample of it can be used',
    });
});
