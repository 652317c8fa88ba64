import { describe, expect, test } from 'vitest';
import { type Companions, toInstances } from '../../src/adapters/prometheus/lives.ts';
import { toOomKills } from '../../src/adapters/prometheus/oom-kills.ts';
import type { LabelledSeries, Labels } from '../../src/adapters/prometheus/series-query.ts';
import { toWindow } from '../../src/adapters/prometheus/series-query.ts';

const WINDOW = { startSeconds: 0, endSeconds: 6000, stepSeconds: 15 };
const NONE: Companions = { starts: [], releases: [], limits: [] };

/** One point a step, `from` and `until` included. */
function series(labels: Labels, from: number, until: number, value: (at: number) => number): LabelledSeries {
  const count = Math.floor((until - from) / 15) + 1;
  return { labels, points: Array.from({ length: count }, (_, i) => [from + i * 15, value(from + i * 15)]) };
}

function lives(rss: LabelledSeries[], companions: Partial<Companions> = {}) {
  return toInstances(rss, { ...NONE, ...companions }, WINDOW).map(
    ({ instance, release, startedAt, endedAt, endReason, samples }) => ({
      instance,
      release,
      startedAt,
      endedAt,
      endReason,
      samples: samples.length,
    }),
  );
}

const wave = (at: number): number => 1e8 + Math.sin(at) * 1e6;

describe('which series are one instance', () => {
  test("a pod is named by its pod, not by the exporter's address", () => {
    const rss = [
      series({ pod: 'checkout-a', instance: 'node-1:8080' }, 0, 6000, wave),
      series({ pod: 'checkout-b', instance: 'node-1:8080' }, 0, 6000, wave),
    ];
    expect(lives(rss).map(({ instance }) => instance)).toEqual(['checkout-a', 'checkout-b']);
  });

  test('processes of one pod carry what tells them apart', () => {
    const rss = ['7', '8'].map((pid) => series({ pod: 'checkout-a', pid, job: 'x' }, 0, 6000, wave));
    expect(lives(rss).map(({ instance }) => instance)).toEqual(['checkout-a pid=7', 'checkout-a pid=8']);
  });

  test('a sum without labels is one instance', () => {
    expect(lives([series({}, 0, 6000, wave)])).toMatchObject([{ instance: 'all', endedAt: null }]);
  });

  test('limits and releases of another exporter are found by the pod', () => {
    const rss = [
      series({ pod: 'a', instance: 'kubelet' }, 0, 6000, wave),
      series({ pod: 'b', instance: 'kubelet' }, 0, 6000, wave),
    ];
    const limits = [series({ pod: 'b', instance: 'ksm' }, 0, 6000, () => 5e8)];
    const releases = [series({ release: 'v7' }, 0, 6000, () => 1)];
    expect(toInstances(rss, { ...NONE, limits, releases }, WINDOW)).toMatchObject([
      { instance: 'a', limitBytes: null, release: 'v7' },
      { instance: 'b', limitBytes: 5e8, release: 'v7' },
    ]);
  });

  test('a limit that was raised is not the one of the earlier pod of that name', () => {
    const rss = [series({ pod: 'a' }, 0, 6000, wave)];
    const limits = [
      series({ pod: 'a', uid: 'old' }, 0, 3000, () => 5e8),
      series({ pod: 'a', uid: 'new' }, 3015, 6000, () => 9e8),
    ];
    expect(toInstances(rss, { ...NONE, limits }, WINDOW)).toMatchObject([{ limitBytes: 9e8 }]);
  });

  test('series that differ in image only and run at the same time are two instances', () => {
    const rss = ['x:1', 'x:2'].map((image) => series({ pod: 'a', image }, 0, 6000, wave));
    expect(lives(rss).map(({ instance }) => instance)).toEqual(['a image=x:1', 'a image=x:2']);
  });
});

describe('where a life ends', () => {
  const pod = { pod: 'a' };

  test('a later start is a new life', () => {
    const starts = [series(pod, 0, 6000, (at) => (at < 3000 ? -500 : 2995))];
    expect(lives([series(pod, 0, 6000, wave)], { starts })).toEqual([
      { instance: 'a~1', release: null, startedAt: -500, endedAt: 2985, endReason: 'restart', samples: 200 },
      { instance: 'a', release: null, startedAt: 2995, endedAt: null, endReason: null, samples: 201 },
    ]);
  });

  test('a start that wobbles with the clock is not', () => {
    const starts = [series(pod, 0, 6000, (at) => -500 + (at % 3))];
    expect(lives([series(pod, 0, 6000, wave)], { starts })).toHaveLength(1);
  });

  test('a container that took the place of another in its pod is a new life, without the overlap that Prometheus shows', () => {
    const rss = [series({ pod: 'a', id: '/1' }, 0, 3300, wave), series({ pod: 'a', id: '/2' }, 3000, 6000, wave)];
    expect(lives(rss)).toEqual([
      { instance: 'a~1', release: null, startedAt: null, endedAt: 2985, endReason: 'restart', samples: 200 },
      { instance: 'a', release: null, startedAt: 3000, endedAt: null, endReason: null, samples: 201 },
    ]);
  });

  test('a release that is rolled back is a third life', () => {
    const v1 = series({ pod: 'a', release: 'v1' }, 0, 6000, wave);
    const v2 = series({ pod: 'a', release: 'v2' }, 3000, 4485, wave);
    const isV1 = ([at]: readonly [number, number]): boolean => at < 3000 || at > 4485;
    expect(lives([{ ...v1, points: v1.points.filter(isV1) }, v2])).toMatchObject([
      { instance: 'a~1', release: 'v1', endedAt: 2985, endReason: 'deploy' },
      { instance: 'a~2', release: 'v2', endedAt: 4485, endReason: 'deploy' },
      { instance: 'a', release: 'v1', startedAt: 4500, endedAt: null },
    ]);
  });

  test('scrapes that were missed do not end a life', () => {
    const whole = series({ pod: 'a' }, 0, 6000, wave);
    const holed = { ...whole, points: whole.points.filter(([at]) => at < 2000 || at > 4000) };
    expect(lives([holed])).toMatchObject([{ instance: 'a', startedAt: null, endedAt: null }]);
  });

  test('an instance that is not there any more has ended, one that missed a scrape has not', () => {
    const rss = [series({ pod: 'gone' }, 0, 4000, wave), series({ pod: 'late' }, 0, 5955, wave)];
    expect(lives(rss)).toMatchObject([
      { instance: 'gone', endedAt: 3990, endReason: 'restart' },
      { instance: 'late', endedAt: null },
    ]);
  });
});

describe('samples', () => {
  test('that a slower scrape repeats count once', () => {
    const slow = (at: number): number => wave(Math.floor(at / 60) * 60);
    const [life] = toInstances([series({ pod: 'a' }, 0, 6000, slow)], NONE, WINDOW);
    expect(life?.samples).toHaveLength(101);
    expect(life?.samples.at(-1)?.[0]).toBe(6000);
  });

  test('of a flat series all stay', () => {
    expect(lives([series({ pod: 'a' }, 0, 6000, () => 1e8)])[0]?.samples).toBe(401);
  });
});

test('kills are the rises of a counter, what it holds after a reset, and a series that appears above zero', () => {
  const counter = {
    labels: {},
    points: [
      [0, 4],
      [600, 4],
      [615, 6],
      [900, 0],
      [915, 1],
    ] as const,
  };
  const appears = {
    labels: {},
    points: [
      [1200, 1],
      [1215, 1],
    ] as const,
  };
  const wasThere = {
    labels: {},
    points: [
      [15, 1],
      [30, 1],
    ] as const,
  };
  expect(toOomKills([counter, appears, wasThere], WINDOW)).toEqual([615, 615, 915, 1200]);
});

test.each([
  [60, 1],
  [3600, 15],
  [86_400, 15],
  [604_800, 55],
  [90 * 86_400, 707],
])('a window of %i s is asked in steps of %i s, under 11,000 points', (since, stepSeconds) => {
  const window = toWindow(1_700_000_000.7, since);
  expect(window.stepSeconds).toBe(stepSeconds);
  expect((window.endSeconds - window.startSeconds) / stepSeconds + 1).toBeLessThanOrEqual(11_000);
});

test('a kill that two exporters tell of, or one that was restarted tells again, is one', () => {
  const killed = (instance: string, from: number, until: number) =>
    series({ pod: 'a', instance, reason: 'OOMKilled' }, from, until, (at) => (at < 1200 ? 0 : 1));
  const both = [killed('ksm-1', 0, 6000), killed('ksm-2', 0, 6000)];
  expect(toOomKills(both, WINDOW)).toEqual([1200]);
  expect(toOomKills([killed('ksm-1', 0, 3000), killed('ksm-3', 3060, 6000)], WINDOW)).toEqual([1200]);
  // Without a pod, the instance is what was killed.
  const hosts = ['h1', 'h2'].map((instance) => series({ instance }, 0, 6000, (at) => (at < 1200 ? 0 : 1)));
  expect(toOomKills(hosts, WINDOW)).toEqual([1200, 1200]);
});
