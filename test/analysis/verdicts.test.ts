import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { analyzeSeries } from '../../src/analysis/analyze-series.ts';
import { parseCase } from '../../src/analysis/parse-case.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import { settingsFrom } from '../../src/analysis/settings.ts';

/** Written by bench/detect/write-fixtures.ts from the seeded generator. */
type Fixture = { name: string; truth: { label: 'healthy' | 'leak'; rollback: string | null; bytesPerHour: number } };
const fixtures: Fixture[] = JSON.parse(readFileSync(new URL('./fixtures/cases.json', import.meta.url), 'utf8'));

const settings = settingsFrom(DEFAULT_POLICY);

function analyze(name: string) {
  const fixture = fixtures.find((each) => each.name.startsWith(name));
  if (fixture === undefined) throw new Error(`there is no fixture ${name}`);
  const parsed = parseCase(fixture);
  if (parsed.outcome !== 'ok') throw new Error(parsed.why);
  return { truth: fixture.truth, seriesCase: parsed.value, answer: analyzeSeries(parsed.value, settings) };
}

describe('no alarm for', () => {
  it.each(['steady', 'gc_sawtooth', 'quiet_return', 'lru_fill', 'recycle_healthy', 'deploy_step', 'highwater'])(
    'a healthy service: %s',
    (name) => {
      const { answer } = analyze(`healthy-${name}`);
      expect(answer.leaking).not.toBe(true);
      expect(answer.deploy?.rollback ?? 'no').toBe('no');
      expect(answer.timeToLimitSeconds).toBeNull();
    },
  );
});

describe('a leak is found, with an interval that holds its rate,', () => {
  it.each(['linear', 'sawtooth', 'phase_b', 'recycle', 'one_of_4', 'late_onset', 'before_deploy'])('in %s', (name) => {
    const { truth, answer } = analyze(`leak-${name}`);
    expect(answer).toMatchObject({ leaking: true, state: 'leak' });
    expect(answer.growth?.low).toBeLessThanOrEqual(truth.bytesPerHour);
    expect(answer.growth?.high).toBeGreaterThanOrEqual(truth.bytesPerHour);
    expect(answer.reasons[0]).toMatch(/^Memory grows \+/);
  });
});

describe('a deploy', () => {
  it('that made the service leak should be rolled back', () => {
    const { seriesCase, answer } = analyze('leak-deploy-');
    expect(answer.deploy).toEqual({ isChangePoint: true, rollback: 'yes' });
    expect(Math.abs((answer.onset?.atSeconds ?? 0) - (seriesCase.deployAt ?? 0))).toBeLessThan(0.1 * seriesCase.now);
  });

  it('of a service that leaked before should not', () => {
    expect(analyze('leak-before_deploy').answer.deploy).toEqual({ isChangePoint: false, rollback: 'no' });
  });

  it('that ended a leak should not, and is told as a change', () => {
    expect(analyze('healthy-deploy_fix').answer.deploy).toEqual({ isChangePoint: true, rollback: 'no' });
  });

  it('of some minutes ago needs more evidence', () => {
    const { answer } = analyze('healthy-deploy_fresh');
    expect(answer.deploy).toEqual({ isChangePoint: null, rollback: 'need-more-evidence' });
    expect(answer.wouldChange.join()).toMatch(/can be judged in/);
  });
});

describe('what is told besides', () => {
  it('names the pod that leaks, and that the others do not', () => {
    const { answer } = analyze('leak-one_of_4');
    expect(answer.pod).toBe('pod-0');
    expect(answer.reasons.join('\n')).toContain('1 of 4 instances grows: pod-0');
  });

  it('tells whether memory returns in quiet periods', () => {
    expect(analyze('healthy-quiet_return').answer.returnsInQuiet).toBe(true);
    expect(analyze('leak-quiet_noreturn').answer.returnsInQuiet).toBe(false);
  });

  it('counts OOM kills into the SLO state', () => {
    const { seriesCase } = analyze('healthy-steady');
    const pods = seriesCase.pods.map((pod) => ({
      ...pod,
      restarts: [seriesCase.now - 1800, seriesCase.now - 2400].map((t) => [t, 'oom'] as const),
    }));
    expect(analyzeSeries({ ...seriesCase, pods }, settings)).toMatchObject({
      sloState: 'critical',
      verdict: 'critical',
    });
  });
});
