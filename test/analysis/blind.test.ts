import { describe, expect, it } from 'vitest';
import { type Random, seeded } from '../../bench/detect/random.ts';
import { analyzeSeries } from '../../src/analysis/analyze-series.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import type { Sample } from '../../src/analysis/series.ts';
import { settingsFrom } from '../../src/analysis/settings.ts';

const LEVEL = 200e6;
const HOURS = 12;

/** A process of half a day; `share` of its level by the hour. */
function analyze(share: (hour: number) => number, seed: number) {
  const random: Random = seeded(seed);
  const samples = Array.from({ length: 1440 }, (_, i): Sample => {
    const hour = ((i + 1) / 1440) * HOURS;
    return [hour * 3600, LEVEL * (share(hour) + 0.0005 * random.normal())];
  });
  const { state, verdict, reasons, wouldChange } = analyzeSeries(
    {
      name: null,
      now: HOURS * 3600,
      pods: [{ pod: 'pod-0', samples, restarts: [] }],
      limitBytes: 4 * LEVEL,
      deployAt: null,
      traffic: null,
      baseline: null,
      sloBaselineBytes: null,
    },
    settingsFrom(DEFAULT_POLICY),
  );
  return { state, verdict, reasons: reasons.join('\n'), wouldChange: wouldChange.join('\n') };
}

/** RSS of a heap that leaks 3 % an hour, whose burst at hour 4 left a third of the level of freed blocks behind. */
const leakUnderBurst = (hour: number) => Math.max(1 + 0.03 * hour, hour < 4 ? 0 : 1.4);
const spikeThenFlat = (hour: number) => (hour > 3 && hour < 3.3 ? 1.5 : 1);
const sawtooth = (hour: number) => 1 + 0.3 * (hour % 1);
const busyMorning = (hour: number) => (hour < 5 ? 1.3 : 1);

describe('RSS is said to be blind, and a snapshot asked for,', () => {
  it.each([1, 2, 3, 4, 5])('when a leak refills what a burst freed, without calling it a leak (seed %i)', (seed) => {
    const answer = analyze(leakUnderBurst, seed);
    expect(answer).toMatchObject({ state: 'healthy', verdict: 'healthy' });
    expect(answer.reasons).toMatch(/RSS can't see growth below the peak of 26\d MiB of [78] h/);
    expect(answer.wouldChange).toMatch(/take a snapshot/);
  });

  it.each([1, 2, 3])('when RSS fell to a flat level after a short peak (seed %i)', (seed) => {
    const answer = analyze(spikeThenFlat, seed);
    expect(answer.state).toBe('healthy');
    expect(answer.reasons).toMatch(/RSS can't see growth below the peak of 28\d MiB of [89] h/);
  });
});

describe('RSS is not said to be blind', () => {
  it.each([
    ['of a flat process', () => 1],
    ['of a sawtooth, whose next tooth reaches as high', sawtooth],
    ['after a long stretch of load', busyMorning],
    ['of a leak that it sees', (hour: number) => 1 + 0.03 * hour],
  ])('%s', (_, share) => {
    for (const seed of [1, 2, 3]) {
      const answer = analyze(share, seed);
      expect(`${answer.reasons}\n${answer.wouldChange}`).not.toMatch(/RSS can't see|snapshot to see/);
    }
  });
});
