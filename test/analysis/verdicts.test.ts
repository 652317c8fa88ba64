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

describe('growth where smaps were read', () => {
  const HOUR = 3600;
  /** Of a fixture: every 20 min, with that share of what RSS rose by in anonymous memory. */
  function withSmaps(name: string, anonymousShare: number) {
    const { seriesCase, truth, answer } = analyze(name);
    const [pod] = seriesCase.pods;
    if (pod === undefined) throw new Error('no pod');
    const at = (seconds: number) => pod.samples.findLast(([when]) => when <= seconds)?.[1] ?? 0;
    const first = at(HOUR);
    const times = Array.from({ length: Math.floor(seriesCase.now / 1200) - 3 }, (_, i) => HOUR + 1200 * i);
    const smaps = times.map((when) => [when, at(when), 0.9 * first + anonymousShare * (at(when) - first)] as const);
    const read = analyzeSeries({ ...seriesCase, pods: [{ ...pod, smaps }] }, settings);
    return { truth, before: answer, read };
  }

  it('in anonymous memory is a leak as before', () => {
    const { before, read } = withSmaps('leak-linear', 1);
    expect(read).toEqual(before);
  });

  it('in files or shared memory is no leak for certain: nobody can tell from RSS alone', () => {
    const { before, read } = withSmaps('leak-linear', 0.05);
    expect(before).toMatchObject({ leaking: true });
    expect(read).toMatchObject({ leaking: null, state: 'suspect', verdict: 'warning', growth: before.growth });
    expect(read.reasons[1]).toMatch(
      /^9\d % of the growth is not anonymous memory but mapped files, .* or shared memory$/,
    );
  });

  it('in files after a deploy advises no rollback yet', () => {
    expect(withSmaps('leak-deploy-', 0.05).read.deploy).toEqual({
      isChangePoint: true,
      rollback: 'need-more-evidence',
    });
  });

  it('half in files is a leak, and says so', () => {
    const { read } = withSmaps('leak-linear', 0.5);
    expect(read.leaking).toBe(true);
    expect(read.reasons[1]).toMatch(/^[45]\d % of the growth/);
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
    const killed = analyzeSeries({ ...seriesCase, pods, sloBaselineBytes: 1e12 }, settings);
    expect(killed).toMatchObject({ sloState: 'critical', verdict: 'critical' });
    // Far below its baseline: it was killed, not over a budget.
    expect(killed.reasons.join('\n')).toMatch(/Killed for memory 2 times or more in \d+ h; the level of pod-\d is -/);
    expect(killed.reasons.join('\n')).not.toMatch(/Over the critical budget/);
  });
});
