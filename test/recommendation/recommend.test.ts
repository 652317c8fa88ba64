import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import type { CaptureFinding, CompareFinding } from '../../src/incident/step-result.ts';
import { recommend } from '../../src/recommendation/recommend.ts';

const MIB = 1024 ** 2;

/** A flat service of 200 MiB, read from `source`, whose growth is known to within `highMib` an hour. */
function flat(source: string, highMib: number): { capture: CaptureFinding; compare: CompareFinding; pattern: null } {
  const growth = { bytesPerHour: 0, low: -highMib * MIB, high: highMib * MIB, windowSeconds: 60, samples: 240 };
  const shared = { limitBytes: null, oomKills: null, dataAgeSeconds: 1, instances: [] };
  return {
    capture: { kind: 'capture', source, growth, ...shared },
    compare: {
      kind: 'compare',
      baseline: null,
      worstInstance: '1.1',
      worstBytes: 200 * MIB,
      release: null,
      previousRelease: null,
      deployedAt: null,
      onset: null,
      analysis: {
        verdict: 'healthy',
        state: 'healthy',
        probability: 0,
        growth,
        timeToLimitSeconds: null,
        deploy: null,
        sloState: null,
        overBaselineRatio: null,
        returnsInQuiet: null,
        reasons: [],
        wouldChange: [],
      },
    },
    pattern: null,
  };
}

describe('a process that was only watched for a moment', () => {
  it('is not called healthy while growth over the hourly budget would not be seen', () => {
    const { verdict, recommendation } = recommend(flat('watch', 87), DEFAULT_POLICY);
    expect({ verdict, action: recommendation.action }).toEqual({ verdict: 'inconclusive', action: 'investigate' });
    expect(recommendation.confidence).toBe('low');
    expect(recommendation.reasons.join()).toContain('growth of up to +87.0 MiB/h would not be seen yet');
  });

  it('is healthy once its growth is known to stay within the hourly budget', () => {
    expect(recommend(flat('watch', 1.9), DEFAULT_POLICY).verdict).toBe('healthy');
  });
});

it('a recorded service is judged by its own policy alone', () => {
  expect(recommend(flat('collector', 87), DEFAULT_POLICY).verdict).toBe('healthy');
});

it('does not call a level healthy that was compared with nothing', () => {
  const { verdict, recommendation } = recommend(flat('collector', 0.1), DEFAULT_POLICY);
  expect(verdict).toBe('healthy');
  expect(recommendation.reasons[0]).not.toContain('where a healthy release has it');
  expect(recommendation.reasons[0]).toContain('no baseline');
});

it('is not sure of a rollback that the live process speaks against', () => {
  const { capture, compare } = flat('collector', 1);
  const deploy = { isChangePoint: true, rollback: 'yes' as const };
  const leaking: CompareFinding = {
    ...compare,
    baseline: { bytes: 100 * MIB, release: 'v1', recordedAt: '2026-11-20T00:00:00Z', deltaRatio: 1 },
    release: 'v2',
    previousRelease: 'v1',
    analysis: { ...compare.analysis, verdict: 'warning', state: 'leak', probability: 0.99, deploy },
  };
  const advice = (name: 'load-driven' | 'accumulated-results') => {
    const pattern = { name, confidence: 'medium' as const, evidence: [], counterEvidence: [], fix: null };
    return recommend({ capture, compare: leaking, pattern }, DEFAULT_POLICY).recommendation;
  };
  expect(advice('accumulated-results')).toMatchObject({ action: 'rollback', confidence: 'high' });
  expect(advice('load-driven')).toMatchObject({ action: 'rollback', confidence: 'low' });
});
