import { describe, expect, it } from 'vitest';
import { analyzeSeries } from '../../src/analysis/analyze-series.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import type { SeriesAnalysis } from '../../src/analysis/series.ts';
import { settingsFrom } from '../../src/analysis/settings.ts';

const NOW = 100_000;
const DAY = 86_400;

/** A process that began a day ago and was looked at only for the last minutes, four times a second. */
function lookLate(minutes: number, warmUpSeconds: number): SeriesAnalysis {
  const samples = Array.from(
    { length: 240 * minutes },
    (_, i) => [NOW - 60 * minutes + i / 4, 2e8 + 250_000 * i] as const,
  );
  const pods = [{ pod: 'p', samples, restarts: [[NOW - DAY, 'start'] as const] }];
  const nothing = {
    name: null,
    limitBytes: null,
    deployAt: null,
    traffic: null,
    baseline: null,
    sloBaselineBytes: null,
  };
  return analyzeSeries({ ...nothing, now: NOW, pods }, settingsFrom({ ...DEFAULT_POLICY, warmUpSeconds }));
}

describe('a process that ran for a day before anybody looked', () => {
  it('is said to grow for at least the minutes that were seen, not for the day', () => {
    const { reasons, onset } = lookLate(3, 15);
    expect(reasons[0]).toMatch(/for at least the last 3 min$/);
    expect(onset?.atSeconds).toBeGreaterThan(NOW - 181);
  });

  it('has burned of a budget what it grew in those minutes', () => {
    const { burn } = lookLate(3, 15);
    // 180 MB grown; 6 h allow 6 % of a level of 200 to 380 MB.
    expect(burn?.longSeconds).toBe(6 * 3600);
    expect(burn?.rate).toBeGreaterThan(180 / 23 / 1.3);
    expect(burn?.rate).toBeLessThan(180 / 12);
  });

  it('was watched for a minute when that is too short to tell', () => {
    expect(lookLate(1, 900).reasons[0]).toMatch(/^Watched for 1 min: too short/);
  });

  it('is at most under suspicion: a minute is no proof of a leak', () => {
    expect(lookLate(1, 15)).toMatchObject({ state: 'suspect', verdict: 'warning' });
  });
});
