import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../../bench/detect/families.ts';
import { generateCase } from '../../bench/detect/generate.ts';
import { analyzeSeries } from '../../src/analysis/analyze-series.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import type { Sample, SeriesAnalysis, SeriesCase } from '../../src/analysis/series.ts';
import { settingsFrom } from '../../src/analysis/settings.ts';

const settings = settingsFrom(DEFAULT_POLICY);
const analyze = (seriesCase: SeriesCase) => analyzeSeries(seriesCase, settings);

function caseOf(samples: readonly Sample[], given: Partial<SeriesCase> = {}): SeriesCase {
  return {
    name: null,
    now: 86_400,
    pods: [{ pod: 'pod-0', samples, restarts: [] }],
    limitBytes: 1e9,
    deployAt: null,
    traffic: null,
    baseline: null,
    sloBaselineBytes: 1e8,
    ...given,
  };
}

/** Every number of an answer, wherever it stands. */
function numbersOf(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(numbersOf);
}

/** A few series of every kind of behaviour, small enough to be analysed many times. */
const SOME = FAMILIES.filter((_, i) => i % 4 === 0).map((family) => generateCase(family, 77).seriesCase);

function expectAlike(a: SeriesAnalysis, b: SeriesAnalysis, bytesFactor = 1): void {
  expect(b.state).toBe(a.state);
  expect(b.probability ?? -1).toBeCloseTo(a.probability ?? -1, 4);
  const scale = Math.abs(a.growth?.high ?? 1) + Math.abs(a.growth?.low ?? 1);
  expect(Math.abs((b.growth?.bytesPerHour ?? 0) / bytesFactor - (a.growth?.bytesPerHour ?? 0)) / scale).toBeLessThan(
    0.001,
  );
}

describe('whatever the samples are', () => {
  const time = fc.oneof(fc.integer({ min: 0, max: 90_000 }), fc.constantFrom(0, 60, 60, Number.NaN, -5));
  const bytes = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 31 }),
    fc.constantFrom(1e15, -1, 0, Number.NaN, Number.POSITIVE_INFINITY, 4096),
  );

  it('never throws and never says NaN on a few of them, in any order, doubled, missing or negative', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(time, bytes), { maxLength: 20 }), fc.boolean(), (samples, hasDeploy) => {
        const answer = analyze(caseOf(samples, { deployAt: hasDeploy ? 40_000 : null }));
        expect(numbersOf(answer).filter((number) => !Number.isFinite(number))).toEqual([]);
        expect(answer.reasons.length).toBeGreaterThan(0);
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  it('never throws and never says NaN on many of them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(time, bytes), { minLength: 21, maxLength: 150 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 90_000 }), fc.constantFrom('oom', 'deploy', 'recycle')), {
          maxLength: 6,
        }),
        fc.option(fc.array(fc.tuple(time, fc.double()), { maxLength: 20 }), { nil: null }),
        (samples, restarts, traffic) => {
          const answer = analyze(caseOf([], { pods: [{ pod: 'a', samples, restarts }], traffic }));
          expect(numbersOf(answer).filter((number) => !Number.isFinite(number))).toEqual([]);
        },
      ),
      { numRuns: 60, seed: 4 },
    );
  });

  it('sees no growth in a constant, at any level up to a petabyte', () => {
    for (const level of [4096, 1e8, 1e15]) {
      const samples = Array.from({ length: 500 }, (_, i): Sample => [i * 172, level]);
      const answer = analyze(caseOf(samples, { limitBytes: 2e15, sloBaselineBytes: level }));
      expect(answer).toMatchObject({ state: 'healthy', leaking: false, verdict: 'healthy', sloState: 'ok' });
      expect(Math.abs(answer.growth?.bytesPerHour ?? 1) / level).toBeLessThan(1e-6);
    }
  });

  it('says that it can not tell from no samples, and from no pods', () => {
    expect(analyze(caseOf([]))).toMatchObject({ verdict: 'inconclusive', growth: null, probability: null });
    expect(analyze(caseOf([], { pods: [] }))).toMatchObject({ verdict: 'inconclusive', pod: null });
  });
});

describe('the same answer', () => {
  it('whatever the unit of memory', () => {
    for (const seriesCase of SOME) {
      const scaled = scaleBytes(seriesCase, 7);
      expectAlike(analyze(seriesCase), analyze(scaled), 7);
    }
  });

  it('whenever it happened', () => {
    for (const seriesCase of SOME) expectAlike(analyze(seriesCase), analyze(shiftTime(seriesCase, 1_790_000_000)));
  });

  it('in whatever order the pods and the samples come', () => {
    for (const seriesCase of SOME) {
      const turned = seriesCase.pods.map((pod) => ({ ...pod, samples: [...pod.samples].reverse() })).reverse();
      const answer = analyze({ ...seriesCase, pods: turned });
      expectAlike(analyze(seriesCase), answer);
      expect(answer.pod).toBe(analyze(seriesCase).pod);
    }
  });

  it('in 9 of 10 cases from every second or fourth sample, to 0.05 of the probability', () => {
    const differences = SOME.flatMap((seriesCase) => {
      const full = analyze(seriesCase).probability ?? 0;
      return [2, 4].map((nth) => Math.abs(full - (analyze(thin(seriesCase, nth)).probability ?? 0)));
    });
    const alike = differences.filter((difference) => difference < 0.05);
    expect(alike.length / differences.length).toBeGreaterThanOrEqual(0.9);
  });
});

function scaleBytes(seriesCase: SeriesCase, factor: number): SeriesCase {
  const scale = (samples: readonly Sample[]) => samples.map(([t, bytes]): Sample => [t, bytes * factor]);
  return {
    ...seriesCase,
    pods: seriesCase.pods.map((pod) => ({ ...pod, samples: scale(pod.samples) })),
    limitBytes: (seriesCase.limitBytes ?? 0) * factor,
    baseline: seriesCase.baseline === null ? null : scale(seriesCase.baseline),
    sloBaselineBytes: seriesCase.sloBaselineBytes === null ? null : seriesCase.sloBaselineBytes * factor,
  };
}

function shiftTime(seriesCase: SeriesCase, by: number): SeriesCase {
  const shift = (pairs: readonly Sample[]) => pairs.map(([t, value]): Sample => [t + by, value]);
  return {
    ...seriesCase,
    now: seriesCase.now + by,
    pods: seriesCase.pods.map(({ pod, samples, restarts }) => ({
      pod,
      samples: shift(samples),
      restarts: restarts.map(([t, reason]) => [t + by, reason] as const),
    })),
    deployAt: seriesCase.deployAt === null ? null : seriesCase.deployAt + by,
    traffic: seriesCase.traffic === null ? null : shift(seriesCase.traffic),
  };
}

function thin(seriesCase: SeriesCase, nth: number): SeriesCase {
  const pods = seriesCase.pods.map((pod) => ({ ...pod, samples: pod.samples.filter((_, i) => i % nth === 0) }));
  return { ...seriesCase, pods };
}
