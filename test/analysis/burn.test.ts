import { describe, expect, it } from 'vitest';
import { seeded } from '../../bench/detect/random.ts';
import { analyzeSeries } from '../../src/analysis/analyze-series.ts';
import { burnWindows, DEFAULT_POLICY, type Policy } from '../../src/analysis/policy.ts';
import type { Sample, SeriesAnalysis } from '../../src/analysis/series.ts';
import { settingsFrom } from '../../src/analysis/settings.ts';
import { verdictOf } from '../../src/analysis/verdict.ts';

const LEVEL = 200e6;

/** Flat, then growing by `perUnit` of the level from `from` on until `until`; times in units of `unit` seconds. */
function analyze(
  grows: { perUnit: number; from: number; until?: number; now: number },
  policy: Policy = DEFAULT_POLICY,
  unit = 3600,
): SeriesAnalysis {
  const random = seeded(4);
  const step = unit === 1 ? 0.2 : 15;
  const samples = Array.from({ length: Math.round((grows.now * unit) / step) }, (_, i): Sample => {
    const at = ((i + 1) * step) / unit;
    const grown = Math.max(0, Math.min(at, grows.until ?? grows.now) - grows.from);
    return [(i + 1) * step, LEVEL * (1 + grows.perUnit * grown + 0.001 * random.normal())];
  });
  return analyzeSeries(
    {
      name: null,
      now: grows.now * unit,
      pods: [{ pod: 'pod-0', samples, restarts: [] }],
      limitBytes: 100 * LEVEL,
      deployAt: null,
      traffic: null,
      baseline: null,
      sloBaselineBytes: LEVEL,
    },
    settingsFrom(policy),
  );
}

/** Over no level budget, so that only growth speaks. */
const NO_LEVELS: Policy = {
  ...DEFAULT_POLICY,
  warning: { ...DEFAULT_POLICY.warning, overRatio: 10 },
  critical: { ...DEFAULT_POLICY.critical, overRatio: 20 },
};

describe('the verdict on growth', () => {
  const TABLE = `
    %/h   for h   verdict    budget  long h  at least
    5     6       critical   hour    6       4.5
    1.6   8       critical   hour    6       1.4
    3     1.75    warning    hour    1       2.5
    0.8   12      warning    day     24      1.8
    0.5   12      warning    day     24      1.1
    0.3   12      warning    -       -       -
  `;
  const rows = TABLE.trim()
    .split('\n')
    .slice(1)
    .map((row) => row.trim().split(/\s+/));

  it.each(rows)('of %s percent an hour for %s h is %s', (percent, hours, verdict, budget, longHours, atLeast) => {
    const answer = analyze({ perUnit: Number(percent) / 100, from: 8, now: 8 + Number(hours) }, NO_LEVELS);
    expect(answer).toMatchObject({ state: 'leak', verdict, sloState: 'ok' });
    if (budget === '-') {
      expect(answer.burn).toBeNull();
      return;
    }
    expect(answer.burn).toMatchObject({ budget, longSeconds: Number(longHours) * 3600 });
    expect(answer.burn?.rate).toBeGreaterThan(Number(atLeast));
    expect(answer.burn?.rate).toBeLessThanOrEqual(Number(percent) * Math.max(1, 24 / 5));
    expect(answer.reasons.join('\n')).toMatch(
      /Has grown at least [\d.]+x what its (hourly|daily) growth budget allows in/,
    );
  });

  it('does not page for growth that the short window excludes', () => {
    const going = analyze({ perUnit: 0.08, from: 8, now: 16 }, NO_LEVELS);
    const ended = analyze({ perUnit: 0.08, from: 8, until: 15.4, now: 16 }, NO_LEVELS);
    expect(going.burn).toMatchObject({ isSustained: true, shortSeconds: 1800 });
    expect(ended.burn?.isSustained ?? false).toBe(false);
    expect(ended.verdict).not.toBe('critical');
  });

  it('follows the windows of a policy of seconds', () => {
    const short: Policy = {
      ...NO_LEVELS,
      warning: { overRatio: 10, forSeconds: 5 },
      warmUpSeconds: 3,
      growth: { perHourRatio: 0.6, perDayRatio: 5 },
    };
    expect(analyze({ perUnit: 6 / 3600, from: 60, now: 140 }, short, 1).burn).toMatchObject({
      budget: 'hour',
      longSeconds: 60,
      shortSeconds: 5,
      isSustained: true,
    });
  });

  it('has no burn without a leak', () => {
    expect(analyze({ perUnit: 0, from: 0, now: 24 }).burn).toBeNull();
  });
});

describe('the windows', () => {
  it('are the pairs of the SRE workbook with the default policy, the short one a twelfth of the long', () => {
    const pairs = burnWindows(DEFAULT_POLICY).map(
      ({ budget, longSeconds, shortSeconds, isSustained }) =>
        `${budget} ${longSeconds / 3600} h ${shortSeconds / 60} min ${isSustained}`,
    );
    expect(pairs).toEqual(['hour 6 h 30 min true', 'hour 1 h 5 min false', 'day 24 h 120 min false']);
  });
});

describe('the verdict', () => {
  const burning = { budget: 'hour', longSeconds: 3600, shortSeconds: 300, rate: 3, isSustained: false } as const;
  const BURNS = { none: null, fast: burning, sustained: { ...burning, longSeconds: 21_600, isSustained: true } };
  const TABLE = `
    leak          ok        none       later   warning
    leak          ok        fast       later   warning
    leak          ok        sustained  later   critical
    leak          ok        none       soon    critical
    leak          ok        fast       soon    critical
    leak          warning   fast       later   warning
    leak          critical  none       later   critical
    leak          none      none       later   warning
    leak          none      sustained  later   critical
    suspect       ok        none       soon    warning
    suspect       critical  none       later   critical
    filling       ok        none       later   healthy
    filling       warning   none       later   warning
    healthy       ok        none       later   healthy
    healthy       none      none       later   healthy
    healthy       warning   none       later   warning
    healthy       critical  none       later   critical
    inconclusive  ok        none       later   inconclusive
    inconclusive  warning   none       later   warning
    inconclusive  critical  none       later   critical
  `;
  const rows = TABLE.trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/));
  const SLO = { ok: 'ok', warning: 'warning', critical: 'critical', none: null } as const;
  const isOneOf = <T extends object>(table: T, key: string): key is Extract<keyof T, string> => key in table;
  const STATES = { leak: 0, suspect: 0, filling: 0, healthy: 0, inconclusive: 0 } as const;

  it.each(rows)(
    'of %s, SLO %s, burn %s, limit %s is %s',
    (state = '', slo = '', burn = '', limit = '', verdict = '') => {
      if (!isOneOf(STATES, state) || !isOneOf(SLO, slo) || !isOneOf(BURNS, burn)) throw new Error('not in the tables');
      const seen = { state, sloState: SLO[slo], burn: BURNS[burn], isLimitSoon: limit === 'soon' };
      expect(verdictOf(seen)).toBe(verdict);
    },
  );
});
