import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import type { InstanceMemory, ServiceMemory } from '../../src/analysis/memory.ts';
import { restartDebt } from '../../src/analysis/restart-debt.ts';
import { parseRunbook } from '../../src/config/parse-runbook.ts';
import type { CaptureFinding, CompareFinding, EvaluateFinding } from '../../src/incident/step-result.ts';
import { judgeMoves, type MoveFacts } from '../../src/recommendation/moves.ts';
import { selectRunbook } from '../../src/runbook/runbook.ts';

const MIB = 1024 ** 2;
const HOUR = 3600;
const MOVES = [
  { move: 'roll-back' },
  { move: 'add-instances', count: 2 },
  { move: 'raise-limit', by: 0.25 },
  { move: 'recycle-worst' },
] as const;

const capture: CaptureFinding = {
  kind: 'capture',
  source: 'collector',
  dataAgeSeconds: 10,
  instances: ['a', 'b', 'c', 'd'].map((instance) => ({ instance, bytes: 900 * MIB, release: 'v2', startedAt: null })),
  limitBytes: 1000 * MIB,
  growth: null,
  oomKills: null,
};
const compare: CompareFinding = {
  kind: 'compare',
  baseline: { bytes: 500 * MIB, release: 'v1', recordedAt: '2026-11-20T00:00:00Z', deltaRatio: 0.8 },
  worstInstance: 'a',
  worstBytes: 900 * MIB,
  release: 'v2',
  previousRelease: 'v1',
  deployedAt: null,
  onset: null,
  analysis: {
    verdict: 'critical',
    state: 'leak',
    probability: 0.99,
    growth: { bytesPerHour: 50 * MIB, low: 45 * MIB, high: 55 * MIB, windowSeconds: HOUR, samples: 240 },
    timeToLimitSeconds: { estimate: 2 * HOUR, low: 1.8 * HOUR, high: 2.2 * HOUR },
    deploy: null,
    sloState: 'critical',
    overBaselineRatio: 0.8,
    returnsInQuiet: null,
    reasons: [],
    wouldChange: [],
  },
};
const evaluate: EvaluateFinding = {
  kind: 'evaluate',
  verdict: 'critical',
  pattern: null,
  recommendation: { action: 'rollback', from: 'v2', to: 'v1', confidence: 'high', reasons: [], wouldChange: [] },
};
const FACTS: MoveFacts = {
  capture,
  compare,
  evaluate,
  hasEvidence: true,
  debt: { restartsInDay: 0, hiddenBytesPerHour: null, windowSeconds: HOUR },
};
const NODE = 16 * 1024 * MIB;
const RESERVE = NODE / 10;
const web1 = { host: 'web1', instances: 4, limits: 4, roomBytes: 6 * 1024 * MIB, totalBytes: NODE, ageSeconds: 20 };
const roomy = (changes: Partial<typeof web1>): Partial<MoveFacts> => ({
  capture: { ...capture, hosts: [{ ...web1, ...changes }] },
});
const node: NonNullable<CaptureFinding['nodes']>['nodes'][number] = {
  node: 'node-1',
  pods: 4,
  allocatableBytes: NODE,
  requestedBytes: NODE / 2,
  limitBytes: NODE,
  unlimitedPods: 0,
  used: NODE / 4,
  isUnderPressure: false,
  isReady: true,
  isCordoned: false,
};
/** In Kubernetes; on machines that were looked at too where `hosts` are given. */
const inPods = (requestedBytes: number, hosts?: CaptureFinding['hosts']): Partial<MoveFacts> => ({
  capture: {
    ...capture,
    nodes: {
      ageSeconds: 20,
      limitBytes: 1000 * MIB,
      caps: [],
      unread: [],
      nodes: [{ ...node, requestedBytes }],
      unplacedPods: 0,
    },
    ...(hosts === undefined ? {} : { hosts }),
  },
});
const near = (estimate: number): CompareFinding => ({
  ...compare,
  analysis: { ...compare.analysis, timeToLimitSeconds: { estimate, low: estimate, high: estimate } },
});

describe('moves', () => {
  it('are in the order of the runbook, each with what it buys by this growth', () => {
    const judged = judgeMoves(MOVES, FACTS);
    expect(judged.map(({ name, buysSeconds, state }) => [name, buysSeconds, state])).toEqual([
      ['roll back v2 → v1', null, 'green'],
      ['add 2 instances', HOUR, 'green'],
      ['raise the limit by 25 %', 5 * HOUR, 'amber'],
      ['restart the worst instance', 8 * HOUR, 'green'],
    ]);
    expect(judged[2]?.gain).toBe('buys about 5 h (250 MiB at +50.0 MiB/h)');
    expect(judged[3]?.gain).toContain('it is no fix');
  });

  const rows: [string, number, Partial<MoveFacts>, string, RegExp][] = [
    [
      'no rollback is advised',
      0,
      { evaluate: { ...evaluate, recommendation: { ...evaluate.recommendation, action: 'restart' } } },
      'red',
      /not advised/,
    ],
    [
      'instances without a time to the limit',
      1,
      { compare: { ...compare, analysis: { ...compare.analysis, timeToLimitSeconds: null } } },
      'red',
      /not known/,
    ],
    ['a limit that is not known', 2, { capture: { ...capture, limitBytes: null } }, 'red', /not known/],
    ['a limit on a node with room', 2, roomy({}), 'green', /web1 has 6.00 GiB to spare.*4 × 250 MiB/],
    ['a limit on a node with just enough', 2, roomy({ roomBytes: 1000 * MIB + RESERVE }), 'green', /has room/],
    ['a limit on a node with a byte too little', 2, roomy({ roomBytes: 1000 * MIB + RESERVE - 1 }), 'red', /no room/],
    ['one limit that all instances share', 2, roomy({ limits: 1, roomBytes: 250 * MIB + RESERVE }), 'green', /1 × 250/],
    ['a limit while one node is not known', 2, roomy({ instances: 3 }), 'amber', /3 of 4 instances looked at/],
    ['a limit while a node is full and one not known', 2, roomy({ instances: 3, roomBytes: 0 }), 'red', /no room/],
    ['a limit and a look that is old', 2, roomy({ ageSeconds: 301 }), 'amber', /no node was looked at/],
    ['a limit of pods whose node has room', 2, inPods(NODE / 2), 'green', /node-1 has 16.0 GiB for pods.*4 × 250 MiB/],
    ['a limit of pods whose node is full', 2, inPods(NODE), 'red', /no room by requests; node-1/],
    ['a full node of a machine with room', 2, inPods(NODE, [web1]), 'red', /no room by requests; node-1/],
    ['a full machine as a node with room', 2, inPods(0, [{ ...web1, roomBytes: 0 }]), 'red', /no room: web1/],
    ['a restart before anybody looked', 3, { hasEvidence: false }, 'amber', /look into the process first/],
    ['a restart with minutes left', 3, { hasEvidence: false, compare: near(600) }, 'green', /minutes away/],
    ['a second restart of the day', 3, { debt: { ...FACTS.debt, restartsInDay: 1 } }, 'green', /evidence/],
    [
      'a third restart of the day',
      3,
      { debt: { ...FACTS.debt, restartsInDay: 2 } },
      'red',
      /restarted 2 times in 24 h/,
    ],
  ];
  test.each(rows)('%s', (_case, index, changes, state, guard) => {
    const move = judgeMoves(MOVES, { ...FACTS, ...changes })[index];
    expect(move?.state).toBe(state);
    expect(move?.guard).toMatch(guard);
  });

  it('count all instances that run, not only those that are listed', () => {
    const judged = judgeMoves(MOVES, { ...FACTS, ...roomy({}), capture: { ...capture, hosts: [web1], running: 50 } });
    expect(judged[1]).toMatchObject({ gain: expect.stringContaining('(50 → 52)'), buysSeconds: (2 * HOUR * 2) / 50 });
    expect(judged[2]).toMatchObject({ state: 'amber', guard: expect.stringContaining('4 of 50 instances looked at') });
  });

  it('buy nothing against growth that is none', () => {
    const flat = { ...compare, analysis: { ...compare.analysis, state: 'healthy' as const, timeToLimitSeconds: null } };
    const judged = judgeMoves(MOVES, { ...FACTS, compare: flat });
    expect(judged.map(({ buysSeconds }) => buysSeconds)).toEqual([null, null, null, null]);
    expect(judged[2]?.gain).toBe('not known');
  });

  it('do not say that growth began before the release where only the baseline is missing', () => {
    const advice = { ...evaluate.recommendation, action: 'restart' as const };
    const deploy = { isChangePoint: true, rollback: 'yes' as const };
    const [rollback] = judgeMoves(MOVES, {
      ...FACTS,
      compare: { ...compare, analysis: { ...compare.analysis, deploy } },
      evaluate: { ...evaluate, recommendation: advice },
    });
    expect(rollback?.guard).toBe('not advised: no healthy baseline of the release before is known');
  });

  it('are none where memory is healthy', () => {
    expect(judgeMoves(MOVES, { ...FACTS, evaluate: { ...evaluate, verdict: 'healthy' } })).toEqual([]);
  });

  it('tell the debt of restarts', () => {
    const debt = { restartsInDay: 1, hiddenBytesPerHour: 38 * MIB, windowSeconds: 7 * 86_400 };
    expect(judgeMoves(MOVES, { ...FACTS, debt })[3]?.gain).toContain('restarts hide +38.0 MiB/h (over 7 d)');
  });
});

describe('the debt of restarts', () => {
  const now = 1_800_000_000;
  /** Seven nights: from 04:00 to 04:00 a process grows by 38 MiB/h, and is restarted. */
  const nightly = (endReason: InstanceMemory['endReason']): ServiceMemory => {
    const lives = Array.from({ length: 7 }, (_, day): InstanceMemory => {
      const startedAt = now - (7 - day) * 86_400;
      const samples = Array.from(
        { length: 25 },
        (_x, hour) => [startedAt + hour * HOUR, (500 + 38 * hour) * MIB] as const,
      );
      const isLive = day === 6;
      return {
        instance: `p${day}`,
        release: 'v2',
        startedAt,
        endedAt: isLive ? null : startedAt + 86_400,
        endReason: isLive ? null : endReason,
        limitBytes: null,
        samples: samples.map(([at, bytes]) => [at, bytes]),
      };
    });
    return { source: 'collector', instances: lives, limitBytes: null, oomKillsAt: [], deploys: [] };
  };

  it('is what they gave back, spread over the time', () => {
    const debt = restartDebt(nightly('restart'), now, 0);
    expect(debt.windowSeconds).toBe(7 * 86_400);
    expect((debt.hiddenBytesPerHour ?? 0) / MIB).toBeCloseTo((38 * 6) / 7, 5);
    expect(debt.restartsInDay).toBe(0);
    expect(restartDebt(nightly('recycle'), now - 60, 0).restartsInDay).toBe(1);
  });

  it('counts a rolling restart once, and the next one as another', () => {
    const [life] = nightly('restart').instances;
    if (life === undefined) throw new Error('no life');
    const ends = [now - 7200, now - 6900, now - 6400, now - 600];
    const instances = ends.map((endedAt, i) => ({ ...life, instance: `r${i}`, endedAt }));
    expect(restartDebt({ ...nightly('restart'), instances }, now, 0).restartsInDay).toBe(2);
  });

  it('is none by deploys, and none that is not seen', () => {
    expect(restartDebt(nightly('deploy'), now, 0)).toMatchObject({ hiddenBytesPerHour: null, restartsInDay: 0 });
    expect(restartDebt({ ...nightly('restart'), instances: [] }, now, 0).hiddenBytesPerHour).toBeNull();
  });

  it('does not count what a process grows while it starts', () => {
    const all = restartDebt(nightly('restart'), now, 0).hiddenBytesPerHour ?? 0;
    const warm = restartDebt(nightly('restart'), now, 12 * HOUR).hiddenBytesPerHour ?? 0;
    expect(warm / all).toBeCloseTo(0.5, 5);
  });
});

describe('the weekend runbook', () => {
  const read = (name: string) => {
    const parsed = parseRunbook(readFileSync(`runbooks/${name}.yaml`, 'utf8'));
    if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
    return parsed.runbook;
  };

  it('ships, looks before it moves, and is chosen off-hours only', () => {
    const all = [read('memory'), read('weekend')];
    const steps = all[1]?.steps.map(({ step }) => step) ?? [];
    expect(steps.indexOf('snapshot')).toBeLessThan(steps.indexOf('moves'));
    const service = { name: 'checkout', runbook: null };
    expect(selectRunbook(all, service, 'oom-kill')?.runbook).toBe('memory');
    expect(selectRunbook(all, service, 'oom-kill', true)?.runbook).toBe('weekend');
    expect(selectRunbook(all, { ...service, runbook: 'memory' }, 'oom-kill', true)?.runbook).toBe('memory');
  });
});
