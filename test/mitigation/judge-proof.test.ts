import { describe, expect, test } from 'vitest';
import type { InstanceMemory } from '../../src/analysis/memory.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import { type Given, type Judgement, judgeProof } from '../../src/mitigation/judge-proof.ts';

const NOW = 1_800_000_000;
const ACTED = NOW - 3600;
const MIB = 2 ** 20;

/** One instance since the act; `perHour`: bytes that it grows by. */
function instance(name: string, release: string | null, bytes: number, perHour = 0): InstanceMemory {
  const samples = Array.from({ length: 240 }, (_, index): [number, number] => {
    const at = ACTED + 15 * index;
    // Small and regular noise: a straight line would be no recording.
    return [at, bytes + (perHour * (at - NOW)) / 3600 + ((index * 7919) % 13) * 4096];
  });
  return { instance: name, release, startedAt: ACTED, endedAt: null, endReason: null, limitBytes: null, samples };
}

const until = (whole: InstanceMemory, last: number): InstanceMemory => ({
  ...whole,
  samples: whole.samples.filter(([at]) => at <= last),
});
const from = (whole: InstanceMemory, first: number): InstanceMemory => ({
  ...whole,
  samples: whole.samples.filter(([at]) => at >= first),
});

const before = (whole: InstanceMemory): InstanceMemory => ({ ...whole, samples: [[ACTED - 60, 2400 * MIB]] });

const baseline = (release: string): NonNullable<Given['baseline']> => ({
  schema: 1,
  service: 'checkout',
  release,
  recordedAt: '2026-11-20T00:00:00Z',
  source: 'auto',
  setBy: null,
  bytes: 800 * MIB,
  spreadBytes: 0,
  profile: [],
  growthBytesPerHour: null,
  windowSeconds: 21_600,
  instances: 1,
  limitBytes: null,
  census: null,
});
const V1 = instance('a', 'v1', 800 * MIB);

type Case = {
  instances?: InstanceMemory[];
  kills?: number[];
  baseline?: Given['baseline'];
  before?: Partial<Given['rollback']['before']>;
  looked?: Given['memory']['looked'];
};

function judge({ instances = [V1], kills = [], baseline: recorded = baseline('v1'), looked = null, ...given }: Case) {
  const memory = { source: 'collector' as const, instances, limitBytes: null, oomKillsAt: kills, deploys: [], looked };
  const before = {
    rssBytes: 2400 * MIB,
    growth: { bytesPerHour: 164 * MIB, low: 150 * MIB, high: 180 * MIB },
    ...given.before,
  };
  const policy = DEFAULT_POLICY;
  return judgeProof({
    memory,
    baseline: recorded,
    policy,
    rollback: { to: 'v1', before },
    verifyForSeconds: 3600,
    actedAt: ACTED,
    nowSeconds: NOW,
  });
}

describe('a rollback has helped when', () => {
  const table: [string, Case, Judgement['verdict'], RegExp][] = [
    [
      'all run the release, quietly, at its healthy level',
      {},
      'recovered',
      /^1 of 1 instances run v1; RSS 80\d MiB \(before 2\.34 GiB\), healthy 800 MiB; growth /,
    ],
    ['there is no baseline, but memory is lower than before', { baseline: null }, 'recovered', /^1 of 1/],
    [
      'one instance still runs the suspect',
      { instances: [V1, instance('b', 'v2', 800 * MIB)] },
      'not-recovered',
      /^not every instance was changed: 1 still run v2/,
    ],
    [
      'what one instance runs is not known',
      { instances: [V1, instance('b', null, 800 * MIB)] },
      'unproven',
      /^which release runs is not known of 1 of 2 instances; 1 of 2 instances run v1/,
    ],
    [
      'what one runs is not known, and it leaks',
      { instances: [V1, instance('b', null, 800 * MIB, 160 * MIB)] },
      'not-recovered',
      /^memory (still grows like a leak|may still grow)/,
    ],
    [
      'what one runs is not known, and another one runs the suspect',
      { instances: [V1, instance('b', null, 800 * MIB), instance('c', 'v2', 800 * MIB)] },
      'not-recovered',
      /^not every instance was changed: 1 still run v2, of 1 it is not known; 1 of 3/,
    ],
    [
      'no instance is seen, and nobody is known to look',
      { instances: [] },
      'unproven',
      /^no instance was seen, and no collector looked for long enough to say that none runs; 0 of 0/,
    ],
    [
      'no instance is seen by a collector that looked all the while',
      { instances: [], looked: { from: ACTED - 600, to: NOW - 15 } },
      'not-recovered',
      /^no instance runs; 0 of 0/,
    ],
    [
      'no instance is seen by a collector that died with the act',
      { instances: [], looked: { from: ACTED - 600, to: ACTED + 10 } },
      'unproven',
      /^no instance was seen, and/,
    ],
    [
      'no instance is seen by a collector that began only now',
      { instances: [], looked: { from: NOW - 30, to: NOW } },
      'unproven',
      /^no instance was seen, and/,
    ],
    [
      'all was well until the collector died',
      { instances: [until(V1, NOW - 900)] },
      'unproven',
      /^nothing was measured for 15 min; 1 of 1/,
    ],
    [
      'all was well, but one host is not looked at any more',
      { instances: [V1, until(instance('b', 'v1', 800 * MIB), NOW - 900)] },
      'unproven',
      /^1 of 2 instances were not measured for 15 min; 2 of 2/,
    ],
    [
      'all is well, but only just measured',
      { instances: [from(V1, NOW - 300)] },
      'unproven',
      /^memory was measured for only 4 min 45 s of the 1 h that it is watched for; 1 of 1/,
    ],
    [
      'there is nothing to compare with',
      { baseline: null, before: { rssBytes: null } },
      'unproven',
      /^nothing is known to compare the memory with; 1 of 1/,
    ],
    ['one is measured only before the act', { instances: [until(V1, ACTED - 1)] }, 'unproven', /^no instance was seen/],
    [
      'all is well, but of one that ran before the act nobody saw what became of it',
      {
        instances: [V1, before(instance('b', 'v2', 2400 * MIB)), { ...before(instance('c', 'v2', 1)), endedAt: ACTED }],
      },
      'unproven',
      /^1 instance that ran before it was not measured since, and nobody saw its end; 1 of 1/,
    ],
    ['an instance was OOM-killed since', { kills: [ACTED + 60] }, 'not-recovered', /^1 OOM kill since/],
    ['one was OOM-killed before', { kills: [ACTED - 60] }, 'recovered', /^1 of 1/],
    [
      'memory is above the healthy level',
      { instances: [instance('a', 'v1', 1000 * MIB)] },
      'not-recovered',
      /^memory is above the healthy level of v1/,
    ],
    [
      'it is as high as before, without a baseline',
      { instances: [instance('a', 'v1', 2500 * MIB)], baseline: null },
      'not-recovered',
      /^memory is not lower than before/,
    ],
    [
      'it still leaks',
      { instances: [instance('a', 'v1', 900 * MIB, 160 * MIB)] },
      'not-recovered',
      /^memory (still grows like a leak|may still grow)/,
    ],
  ];
  for (const [what, given, verdict, message] of table) {
    test(`${what}: ${verdict}`, () => {
      const judged = judge(given);
      expect(judged.message).toMatch(message);
      expect(judged.verdict).toBe(verdict);
    });
  }

  test('only a kill is told before the watch has ended', () => {
    expect(judge({ kills: [ACTED + 60] }).isFinal).toBe(true);
    expect(judge({ instances: [V1, instance('b', 'v2', 800 * MIB)] }).isFinal).toBe(false);
  });
});
