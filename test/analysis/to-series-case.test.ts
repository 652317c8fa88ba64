import { describe, expect, it } from 'vitest';
import { analyzeSeries } from '../../src/analysis/analyze-series.ts';
import type { Baseline } from '../../src/analysis/baseline.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import type { SeriesCase } from '../../src/analysis/series.ts';
import { settingsFrom } from '../../src/analysis/settings.ts';
import { toSeriesCase, toSlots } from '../../src/analysis/to-series-case.ts';
import { instanceOf, memoryOf, ripple } from './memory-of.ts';

const HOUR = 3600;
const instance = (name: string, from: number, until: number, given: object = {}) =>
  instanceOf(
    { startedAt: from * HOUR, untilSeconds: until * HOUR, everySeconds: 60, instance: name, ...given },
    () => 1e8,
  );
const caseOf = (instances: Parameters<typeof memoryOf>[0]) =>
  toSeriesCase({ memory: memoryOf(instances), baseline: null, policy: DEFAULT_POLICY, nowSeconds: 10 * HOUR });

describe('slots', () => {
  it('continue with the process that started after another one ended', () => {
    const slots = toSlots(
      memoryOf([
        instance('a', 0, 4, { endedAt: 4 * HOUR, endReason: 'oom' }),
        instance('b', 4.01, 10),
        instance('c', 0, 10),
      ]),
    );
    expect(slots.map(({ pod }) => pod).sort()).toEqual(['b', 'c']);
    const continued = slots.find(({ pod }) => pod === 'b');
    expect(continued?.restarts.map(([, reason]) => reason)).toEqual(['start', 'oom']);
    expect(continued?.samples[0]?.[0]).toBe(60);
  });

  it('are two when two processes run side by side', () => {
    expect(toSlots(memoryOf([instance('a', 0, 10), instance('b', 4, 10)]))).toHaveLength(2);
  });

  it('continue across a surge deploy, which ends the old process after the new one has started', () => {
    const [slot, ...others] = toSlots(
      memoryOf([
        instance('old', 0, 5.05, { endedAt: 5.05 * HOUR, endReason: 'deploy' }),
        instance('new', 5, 10, { release: 'v2' }),
      ]),
    );
    expect(others).toEqual([]);
    expect(slot?.pod).toBe('new');
    expect(slot?.restarts.at(-1)).toEqual([5 * HOUR, 'deploy']);
    const times = slot?.samples.map(([t]) => t) ?? [];
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('leave out what has ended and was not replaced', () => {
    const ended = instance('gone', 0, 3, { endedAt: 3 * HOUR, endReason: 'recycle' });
    expect(toSlots(memoryOf([instance('a', 0, 10), ended])).map(({ pod }) => pod)).toEqual(['a']);
  });
});

describe('the deploy', () => {
  it('is the start of the release that runs now, when another one ran before', () => {
    const v1 = instance('a', 0, 5, { endedAt: 5 * HOUR, endReason: 'deploy' });
    expect(caseOf([v1, instance('b', 5, 10, { release: 'v2' })]).deployAt).toBe(5 * HOUR);
    expect(caseOf([instance('a', 0, 10)]).deployAt).toBeNull();
  });

  it('is the return of a release that came back', () => {
    const back = caseOf([
      instance('a', 0, 3, { endedAt: 3 * HOUR, endReason: 'deploy' }),
      instance('b', 3, 6, { release: 'v2', endedAt: 6 * HOUR, endReason: 'deploy' }),
      instance('c', 6, 10),
    ]);
    expect(back.deployAt).toBe(6 * HOUR);
  });

  it('of a rolling deploy is when it began', () => {
    const old = { endReason: 'deploy' as const };
    const rolled = caseOf([
      instance('a', 0, 5, { ...old, endedAt: 5 * HOUR }),
      instance('b', 0, 5.2, { ...old, endedAt: 5.2 * HOUR }),
      instance('c', 5, 10, { release: 'v2' }),
      instance('d', 5.2, 10, { release: 'v2' }),
    ]);
    expect(rolled.deployAt).toBe(5 * HOUR);
    expect(rolled.pods).toHaveLength(2);
  });
});

it('of a canary is its own, however often workers of the old release are recycled beside it', () => {
  const workers = [0, 2, 4, 6, 8].map((from) =>
    instance(`w${from}`, from, from + 2, from === 8 ? {} : { endedAt: (from + 2) * HOUR, endReason: 'recycle' }),
  );
  const memory = memoryOf([...workers, instance('canary', 5, 10, { release: 'v2' })], {
    deploys: [
      { release: 'v1', at: 0 },
      { release: 'v2', at: 5 * HOUR },
    ],
  });
  const given = toSeriesCase({ memory, baseline: null, policy: DEFAULT_POLICY, nowSeconds: 10 * HOUR });
  expect(given.pods.map(({ pod }) => pod)).toEqual(['canary']);
  expect(given.deployAt).toBe(5 * HOUR);
});

it('has no healthy release before it where the baseline is its own', () => {
  const grows = (age: number) => 2e8 + age * 5e3 + ripple(age) * 2e5;
  const one = { untilSeconds: 10 * HOUR, everySeconds: 60, release: 'v2' };
  const flat = instanceOf({ ...one, startedAt: 2 * HOUR, instance: 'b' }, (age) => 2e8 + ripple(age) * 2e5);
  const memory = memoryOf(
    [
      instance('a', 0, 2, { endedAt: 2 * HOUR, endReason: 'deploy' }),
      flat,
      instanceOf({ ...one, startedAt: 3 * HOUR, instance: 'c' }, grows),
    ],
    {
      deploys: [
        { release: 'v1', at: 0 },
        { release: 'v2', at: 2 * HOUR },
      ],
    },
  );
  const profile = flat.samples.slice(0, 200).map(([at, bytes]): [number, number] => [at - 2 * HOUR, bytes]);
  const told = (release: string) => {
    const baseline: Baseline = {
      schema: 1,
      service: 'checkout',
      release,
      recordedAt: '1970-01-01T08:00:00Z',
      source: 'manual',
      setBy: null,
      bytes: 2e8,
      spreadBytes: 0,
      profile,
      growthBytesPerHour: null,
      windowSeconds: 6 * HOUR,
      instances: 1,
      limitBytes: null,
      census: null,
    };
    const given = toSeriesCase({ memory, baseline, policy: DEFAULT_POLICY, nowSeconds: 10 * HOUR });
    return analyzeSeries(given, settingsFrom(DEFAULT_POLICY));
  };
  expect(told('v1')).toMatchObject({ pod: 'c', state: 'leak', deploy: { rollback: 'yes' } });
  expect(told('v2')).toMatchObject({ pod: 'c', state: 'leak', deploy: { rollback: 'need-more-evidence' } });
  expect(told('v2').reasons.join()).not.toContain('the release before did not leak');
});

describe('traffic', () => {
  const rising = Array.from({ length: 121 }, (_, i) => [i * 300, 100 + i] as const);
  const grows = instanceOf(
    { startedAt: 0, untilSeconds: 10 * HOUR, everySeconds: 60 },
    (age) => 2e8 + ripple(age) * 2e5 + 3e7 * Math.sin(age / 4000) + 3e7 * (age / (10 * HOUR)),
  );
  const load = Array.from({ length: 121 }, (_, i) => [i * 300, 10 + 3 * Math.sin((i * 300) / 4000) + i / 40] as const);
  const analyzed = (traffic: SeriesCase['traffic']) => {
    const memory = memoryOf([grows], { traffic });
    const given = toSeriesCase({ memory, baseline: null, policy: DEFAULT_POLICY, nowSeconds: 10 * HOUR });
    return analyzeSeries(given, settingsFrom(DEFAULT_POLICY));
  };

  it('is used where it covers the samples', () => {
    const memory = (traffic: SeriesCase['traffic']) => memoryOf([instance('a', 0, 10)], { traffic });
    const used = (traffic: SeriesCase['traffic']) =>
      toSeriesCase({ memory: memory(traffic), baseline: null, policy: DEFAULT_POLICY, nowSeconds: 10 * HOUR }).traffic;
    expect(used(rising)).toEqual(rising);
    expect(used(rising.slice(60))).toBeNull();
    expect(used(rising.slice(0, 60))).toBeNull();
    expect(used([])).toBeNull();
    expect(used(null)).toBeNull();
  });

  it('explains memory that follows it', () => {
    expect(analyzed(null).probability).toBeGreaterThan(0.6);
    expect(analyzed(load)).toMatchObject({ state: 'healthy', leaking: false });
  });
});
