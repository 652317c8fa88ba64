import { describe, expect, test } from 'vitest';
import type { InstanceMemory } from '../../src/analysis/memory.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import { type Given, judgeProof } from '../../src/mitigation/judge-proof.ts';

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

type Case = { instances?: InstanceMemory[]; kills?: number[]; baseline?: Given['baseline'] };

function judge({ instances = [V1], kills = [], baseline: recorded = baseline('v1') }: Case) {
  const memory = { source: 'collector' as const, instances, limitBytes: null, oomKillsAt: kills, deploys: [] };
  const before = { rssBytes: 2400 * MIB, growth: { bytesPerHour: 164 * MIB, low: 150 * MIB, high: 180 * MIB } };
  const policy = DEFAULT_POLICY;
  return judgeProof({
    memory,
    baseline: recorded,
    policy,
    rollback: { to: 'v1', before },
    actedAt: ACTED,
    nowSeconds: NOW,
  });
}

describe('a rollback has helped when', () => {
  const table: [string, Case, boolean, RegExp][] = [
    [
      'all run the release, quietly, at its healthy level',
      {},
      true,
      /^1 of 1 instances run v1; RSS 80\d MiB \(before 2\.34 GiB\), healthy 800 MiB; growth /,
    ],
    ['there is no baseline, but memory is lower than before', { baseline: null }, true, /^1 of 1/],
    [
      'one instance still runs the suspect',
      { instances: [V1, instance('b', 'v2', 800 * MIB)] },
      false,
      /^not every instance was changed: 1 still run v2/,
    ],
    [
      'what one instance runs is not known',
      { instances: [V1, instance('b', null, 800 * MIB)] },
      false,
      /still run an unknown release/,
    ],
    ['no instance seen', { instances: [] }, false, /^no instance was seen: none runs, or no collector looks; 0 of 0/],
    ['an instance was OOM-killed since', { kills: [ACTED + 60] }, false, /^1 OOM kill since/],
    ['one was OOM-killed before', { kills: [ACTED - 60] }, true, /^1 of 1/],
    [
      'memory is above the healthy level',
      { instances: [instance('a', 'v1', 1000 * MIB)] },
      false,
      /^memory is above the healthy level of v1/,
    ],
    [
      'it is as high as before, without a baseline',
      { instances: [instance('a', 'v1', 2500 * MIB)], baseline: null },
      false,
      /^memory is not lower than before/,
    ],
    [
      'it still leaks',
      { instances: [instance('a', 'v1', 900 * MIB, 160 * MIB)] },
      false,
      /^memory (still grows like a leak|may still grow)/,
    ],
  ];
  for (const [what, given, hasRecovered, message] of table) {
    test(`${what}: ${hasRecovered ? 'yes' : 'no'}`, () => {
      const judged = judge(given);
      expect(judged.message).toMatch(message);
      expect(judged.hasRecovered).toBe(hasRecovered);
    });
  }

  test('only a kill is told before the watch has ended', () => {
    expect(judge({ kills: [ACTED + 60] }).isFinal).toBe(true);
    expect(judge({ instances: [V1, instance('b', 'v2', 800 * MIB)] }).isFinal).toBe(false);
  });
});
