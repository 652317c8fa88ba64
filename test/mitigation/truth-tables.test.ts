import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Guard, Rollback } from '../../src/incident/rollback.ts';
import { type Approval, approve, decline, judgeApproval } from '../../src/incident/rollback-decisions.ts';
import { expire, type Proposal, propose } from '../../src/incident/rollback-moves.ts';
import { openFreeze } from '../../src/mitigation/freeze.ts';
import type { GuardFacts } from '../../src/mitigation/guard-facts.ts';
import { toFacts } from '../../src/mitigation/guard-facts.ts';
import { judgeGuards } from '../../src/mitigation/guards.ts';
import { approvalsNeeded, mayActAlone } from '../../src/mitigation/who-decides.ts';
import { aRollback } from './a-rollback.ts';
import { memoryAt } from './desk-rig.ts';

const NOW = 1_800_000_000;
const GOOD: GuardFacts = {
  nowSeconds: NOW,
  from: 'v812',
  to: 'v811',
  via: 'command',
  dataAgeSeconds: 20,
  running: [
    { release: 'v812', startedAt: NOW - 7200 },
    { release: 'v812', startedAt: NOW - 7200 },
  ],
  target: { hasBaseline: true, ranSeconds: 90_000 },
  healthyForSeconds: 86_400,
  lastDeploy: { release: 'v812', at: NOW - 7200 },
  freeze: null,
  lastActAt: null,
  cooldownSeconds: 3600,
  migration: { kind: 'none' },
  migrationWord: null,
  isTierZero: false,
  approvalsNeeded: 1,
  inspection: null,
  endsRollout: false,
};

describe('each guard', () => {
  const mixed = (age: number) => [
    { release: 'v812', startedAt: NOW - age },
    { release: 'v811', startedAt: NOW - 90_000 },
  ];
  const rows: [string, string, Partial<GuardFacts>, Guard['state']][] = [
    ['fresh data', 'five minutes are fresh', { dataAgeSeconds: 300 }, 'green'],
    ['fresh data', 'more are not', { dataAgeSeconds: 301 }, 'red'],
    ['fresh data', 'none at all blocks', { dataAgeSeconds: null }, 'red'],
    ['suspect runs', 'all instances run it', {}, 'green'],
    ['suspect runs', 'some instances run it', { running: mixed(7200) }, 'amber'],
    ['suspect runs', 'none runs it', { running: [{ release: 'v813', startedAt: NOW - 7200 }] }, 'red'],
    ['suspect runs', 'the release is not known', { running: [{ release: null, startedAt: null }] }, 'red'],
    ['suspect runs', 'nothing runs', { running: [] }, 'red'],
    ['healthy target', 'a day and a baseline', { target: { hasBaseline: true, ranSeconds: 86_400 } }, 'green'],
    ['healthy target', 'less than a day', { target: { hasBaseline: true, ranSeconds: 86_399 } }, 'red'],
    ['healthy target', 'no baseline', { target: { hasBaseline: false, ranSeconds: 900_000 } }, 'red'],
    ['healthy target', 'not known for how long', { target: { hasBaseline: true, ranSeconds: null } }, 'red'],
    ['no rollout', 'one release', {}, 'green'],
    [
      'no rollout',
      'one release, and an instance of which it is not known',
      { running: [...GOOD.running, { release: null, startedAt: null }] },
      'amber',
    ],
    ['no rollout', 'two releases, one just started', { running: mixed(60) }, 'red'],
    ['no rollout', 'two releases for long', { running: mixed(3600) }, 'amber'],
    ['no rollout', 'a deploy told that does not run yet', { lastDeploy: { release: 'v813', at: NOW - 60 } }, 'red'],
    ['no rollout', 'a deploy told long ago', { lastDeploy: { release: 'v813', at: NOW - 3600 } }, 'green'],
    ['no rollout', 'the platform says so', { inspection: { managedBy: null, isRollingOut: true } }, 'red'],
    [
      'no rollout',
      'the platform says so, and it is the canary of the suspect',
      { running: mixed(60), inspection: { managedBy: null, isRollingOut: true }, endsRollout: true },
      'green',
    ],
    ['no rollout', 'that canary, at the press', { running: mixed(60), endsRollout: true }, 'green'],
    [
      'no rollout',
      'that canary, and a third release by now',
      { running: [...mixed(60), { release: 'v813', startedAt: NOW - 60 }], endsRollout: true },
      'red',
    ],
    [
      'no rollout',
      'that canary, and a deploy that will follow it',
      { running: mixed(60), endsRollout: true, lastDeploy: { release: 'v813', at: NOW - 60 } },
      'red',
    ],
    ['no freeze', 'none open', {}, 'green'],
    ['no freeze', 'one open', { freeze: 'Fri 16:00-Mon 08:00' }, 'red'],
    ['cooldown', 'never rolled back', {}, 'green'],
    ['cooldown', 'rolled back just now', { lastActAt: NOW - 3599 }, 'red'],
    ['cooldown', 'rolled back before', { lastActAt: NOW - 3600 }, 'green'],
    ['migration', 'the deploys say none', {}, 'green'],
    ['migration', 'nobody told', { migration: { kind: 'unknown' } }, 'amber'],
    [
      'migration',
      'nobody told, a person gave their word',
      { migration: { kind: 'unknown' }, migrationWord: 'U0BOB' },
      'amber',
    ],
    ['migration', 'one that can not be undone', { migration: { kind: 'irreversible', release: 'v812' } }, 'red'],
    [
      'migration',
      'a word does not help against a label',
      { migration: { kind: 'irreversible', release: 'v812' }, migrationWord: 'U0BOB' },
      'red',
    ],
    ['GitOps', 'a program of their own', {}, 'green'],
    ['GitOps', 'Kubernetes that was not looked at', { via: 'kubernetes' }, 'amber'],
    [
      'GitOps',
      'Kubernetes that could not be read',
      { via: 'kubernetes', inspection: { managedBy: null, isRollingOut: null } },
      'amber',
    ],
    [
      'GitOps',
      'Kubernetes without',
      { via: 'kubernetes', inspection: { managedBy: null, isRollingOut: false } },
      'green',
    ],
    ['GitOps', 'Flux', { via: 'helm', inspection: { managedBy: 'Flux', isRollingOut: false } }, 'red'],
    ['two persons', 'tier 0 with two', { isTierZero: true, approvalsNeeded: 2 }, 'green'],
    ['two persons', 'tier 0 with one', { isTierZero: true, approvalsNeeded: 1 }, 'red'],
  ];
  test.each(rows)('%s: %s', (name, _case, changes, state) => {
    const guards = judgeGuards({ ...GOOD, ...changes });
    const found = guards.find((guard) => guard.name === name);
    expect(found?.state).toBe(state);
    expect(found?.evidence).toMatch(/\S/);
  });

  it('is green where everything is well, and is there whatever the facts are', () => {
    expect(judgeGuards(GOOD).map(({ state }) => state)).toEqual(Array.from({ length: 8 }, () => 'green'));
  });
});

describe('facts', () => {
  const deploy = (release: string, ago: number, migration?: 'none' | 'reversible' | 'irreversible') => ({
    schema: 1 as const,
    service: 'checkout',
    release,
    at: new Date((NOW - ago) * 1000).toISOString(),
    ...(migration === undefined ? {} : { migration }),
  });
  const factsOf = (deploys: ReturnType<typeof deploy>[]) =>
    toFacts(
      { nowSeconds: NOW, memory: { outcome: 'ok', value: memoryAt(NOW) }, baselines: [], deploys, carriedOut: [] },
      { from: 'v812', to: 'v811' },
    );
  test.each([
    ['nothing was told', [], 'unknown'],
    ['both told, without labels', [deploy('v811', 9000), deploy('v812', 3600)], 'unknown'],
    ['the suspect is harmless', [deploy('v811', 9000), deploy('v812', 3600, 'none')], 'none'],
    [
      'a release in between was not',
      [deploy('v811', 9000), deploy('v811b', 8000, 'irreversible'), deploy('v812', 3600, 'none')],
      'irreversible',
    ],
    [
      'a release in between did not tell',
      [deploy('v811', 9000), deploy('v811b', 8000), deploy('v812', 3600, 'none')],
      'unknown',
    ],
    [
      'the target itself does not count',
      [deploy('v811', 9000, 'irreversible'), deploy('v812', 3600, 'reversible')],
      'none',
    ],
    [
      'the suspect was not told, and a release in between was not harmless',
      [deploy('v811', 9000), deploy('v811b', 8000, 'irreversible')],
      'irreversible',
    ],
    ['the suspect was not told', [deploy('v811', 9000), deploy('v811b', 8000, 'none')], 'unknown'],
    ['the deploy of the target was not told', [deploy('v812', 3600, 'none')], 'unknown'],
    [
      'what came after the suspect does not count',
      [deploy('v811', 9000), deploy('v812', 3600, 'none'), deploy('v813', 60, 'irreversible')],
      'none',
    ],
  ] as const)('of migrations: %s', (_case, deploys, kind) => {
    expect(factsOf([...deploys]).migration.kind).toBe(kind);
  });

  it.each([
    [
      'until the release after it, not until the suspect',
      [
        ['v811', 90_000],
        ['v811b', 89_400],
        ['v812', 600],
      ],
      600,
    ],
    [
      'every time that it was there',
      [
        ['v811', 90_000],
        ['v812', 50_000],
        ['v811', 40_000],
        ['v812', 600],
      ],
      79_400,
    ],
    [
      'null where it was not seen before the suspect',
      [
        ['v812', 600],
        ['v811', 300],
      ],
      null,
    ],
  ] as const)('of how long the target ran are %s', (_case, told, seconds) => {
    const deploys = told.map(([release, ago]) => ({ release, at: NOW - ago }));
    const memory = { outcome: 'ok' as const, value: { ...memoryAt(NOW), deploys } };
    const gathered = { nowSeconds: NOW, memory, baselines: [], deploys: [], carriedOut: [] };
    expect(toFacts(gathered, { from: 'v812', to: 'v811' }).target.ranSeconds).toBe(seconds);
  });

  it('of what runs do not know what nobody saw for long: its collector may be gone, or it with its host', () => {
    const memory = memoryAt(NOW);
    const unseen = memory.instances.map((one) => ({ ...one, release: 'v810', samples: [[NOW - 7200, 1]] as const }));
    const value = { ...memory, instances: [...memory.instances, ...unseen] };
    const gathered = { nowSeconds: NOW, memory: { outcome: 'ok' as const, value }, baselines: [], deploys: [] };
    const { running } = toFacts({ ...gathered, carriedOut: [] }, { from: 'v810', to: 'v811' });
    expect(running.map(({ release }) => release)).toEqual(['v812', 'v812', null, null]);
    const suspect = (from: string) =>
      judgeGuards({ ...GOOD, from, running }).find(({ name }) => name === 'suspect runs');
    expect(suspect('v810')?.state).toBe('red');
    expect(suspect('v812')?.state).toBe('amber');
  });

  it('of the last rollback leave out one that changed nothing', () => {
    const endedAt = (ago: number) => new Date((NOW - ago) * 1000).toISOString();
    const refused = { startedAt: endedAt(90), endedAt: endedAt(60), outcome: 'failed' as const, message: 'refused' };
    const gathered = { nowSeconds: NOW, memory: { outcome: 'ok' as const, value: memoryAt(NOW) } };
    const lastActAt = (acts: Partial<Rollback>[]) =>
      toFacts(
        { ...gathered, baselines: [], deploys: [], carriedOut: acts.map(aRollback) },
        { from: 'v812', to: 'v811' },
      ).lastActAt;
    const untouched = { act: { ...refused, isUntouched: true as const } };
    expect(lastActAt([{ act: refused }])).toBe(NOW - 60);
    expect(lastActAt([untouched])).toBeNull();
    expect(lastActAt([untouched, { act: { ...refused, endedAt: endedAt(600) } }])).toBe(NOW - 600);
  });

  it('of what runs are those of this moment', () => {
    expect(factsOf([])).toMatchObject({ dataAgeSeconds: 15, target: { hasBaseline: false, ranSeconds: 6 * 86_400 } });
  });
});

describe('how many persons, and whether any', () => {
  const decider = { mode: 'approve', tier: null, twoPerson: 'never', isOffHours: false } as const;
  test.each([
    [{}, 1],
    [{ twoPerson: 'always' }, 2],
    [{ twoPerson: 'offHours' }, 1],
    [{ twoPerson: 'offHours', isOffHours: true }, 2],
    [{ twoPerson: 'offHours', isOffHours: null }, 2],
    [{ tier: 0 }, 2],
    [{ tier: 1 }, 1],
  ] as const)('%j asks %i', (changes, count) => {
    expect(approvalsNeeded({ ...decider, ...changes })).toBe(count);
  });

  const green: Guard = { name: 'a', state: 'green', evidence: 'x' };
  const auto = { ...decider, mode: 'auto', isOffHours: true } as const;
  test.each([
    ['auto, off-hours, all green', auto, [green], true],
    ['at work', { ...auto, isOffHours: false }, [green], false],
    ['hours not known', { ...auto, isOffHours: null }, [green], false],
    ['tier 0', { ...auto, tier: 0 }, [green], false],
    ['two persons are always asked', { ...auto, twoPerson: 'always' }, [green], false],
    ['two persons are asked off-hours', { ...auto, twoPerson: 'offHours' }, [green], false],
    ['approve', { ...auto, mode: 'approve' }, [green], false],
    ['recommend', { ...auto, mode: 'recommend' }, [green], false],
    ['one amber', auto, [green, { ...green, state: 'amber' }], false],
    ['one red', auto, [green, { ...green, state: 'red' }], false],
    ['no guards at all', auto, [], false],
  ] as const)('alone: %s', (_case, given, guards, expected) => {
    expect(mayActAlone(given, [...guards])).toBe(expected);
  });
});

describe('a freeze window', () => {
  const weekend = {
    kind: 'weekly',
    fromMinute: 4 * 1440 + 960,
    toMinute: 480,
    written: 'Fri 16:00-Mon 08:00',
  } as const;
  const days = { kind: 'days', from: '2026-12-20', to: '2027-01-02', written: '2026-12-20/2027-01-02' } as const;
  test.each([
    ['Friday 15:59', '2026-11-27T15:59:00Z', 'UTC', false],
    ['Friday 16:00', '2026-11-27T16:00:00Z', 'UTC', true],
    ['Sunday, round the end of the week', '2026-11-29T23:59:00Z', 'UTC', true],
    ['Monday 07:59', '2026-11-30T07:59:00Z', 'UTC', true],
    ['Monday 08:00', '2026-11-30T08:00:00Z', 'UTC', false],
    ['Friday 16:00 in UTC is morning in Los Angeles', '2026-11-27T16:00:00Z', 'America/Los_Angeles', false],
    ['the first day, from midnight on', '2026-12-20T00:00:00Z', 'UTC', true],
    ['the last day, to midnight', '2027-01-02T23:59:59Z', 'UTC', true],
    ['the day after', '2027-01-05T12:00:00Z', 'UTC', false],
    ['the year ends later in the west', '2027-01-03T07:00:00Z', 'America/Los_Angeles', true],
  ])('%s', (_case, at, zone, isOpen) => {
    expect(openFreeze([weekend, days], Date.parse(at), zone) !== null).toBe(isOpen);
  });
});

const PROPOSAL: Proposal = {
  incident: 'M-1',
  service: 'checkout',
  site: 'local',
  from: 'v812',
  to: 'v811',
  approvers: ['U0ALICE', 'U0BOB'],
  approvalsNeeded: 1,
  isTierZero: false,
  reportedAt: '2026-11-22T10:00:00Z',
  before: { rssBytes: 1, growth: null },
  guards: [{ name: 'a', state: 'green', evidence: 'x' }],
  secondsToLimit: null,
  secondsToRollBack: null,
};
const AT = Date.parse('2026-11-22T10:00:00Z');

function record(changes: Partial<Rollback> = {}): Rollback {
  const proposed = propose(null, PROPOSAL, AT, false)?.after;
  if (proposed === undefined) throw new Error('not proposed');
  return { ...proposed, version: 4, ...changes };
}

const PRESS: Approval = {
  userId: 'U0BOB',
  version: 4,
  permission: 'allowed',
  guards: PROPOSAL.guards,
  answers: null,
  approvalsNeeded: 1,
};
const amber: Guard = { name: 'migration', state: 'amber', evidence: 'x' };
const red: Guard = { name: 'no freeze', state: 'red', evidence: 'x' };
const no = { by: 'U0BOB', at: '2026-11-22T10:00:00Z', note: '' };
const mine = { userId: 'U0BOB', at: '2026-11-22T10:00:00Z' };

describe('a newer report of the same way', () => {
  const newer = { ...PROPOSAL, reportedAt: '2026-11-22T10:05:00Z' };
  const rows: [string, Partial<Rollback>, Partial<Proposal>, string | null][] = [
    ['renews what nobody approved yet', {}, {}, 'proposed'],
    ['is none when it is the same report', {}, { reportedAt: PROPOSAL.reportedAt }, null],
    ['keeps what the first of two approved', { approvals: [mine], approvalsNeeded: 2 }, {}, null],
    ['ends that when a guard blocks now', { approvals: [mine], approvalsNeeded: 2 }, { guards: [red] }, 'blocked'],
    ['ends that when it goes elsewhere', { approvals: [mine], approvalsNeeded: 2 }, { to: 'v810' }, 'proposed'],
    ['leaves alone what is approved', { state: 'approved' }, {}, null],
    ['leaves alone what is carried out', { state: 'acting' }, {}, null],
    ['leaves alone what is watched', { state: 'verifying' }, {}, null],
    ['proposes again what expired', { state: 'expired' }, {}, 'proposed'],
    ['proposes again what failed', { state: 'failed' }, {}, 'proposed'],
    ['proposes again after "wait"', { state: 'declined', declined: { ...no, reason: 'wait' } }, {}, 'proposed'],
    ['never after "fix forward"', { state: 'declined', declined: { ...no, reason: 'fix-forward' } }, {}, null],
  ];
  test.each(rows)('%s', (_case, changes, report, state) => {
    expect(propose(record(changes), { ...newer, ...report }, AT, false)?.after.state ?? null).toBe(state);
  });
});

describe('a rollback that may start by itself', () => {
  const at = '2026-11-22T10:02:00Z';
  const failed = { startedAt: at, endedAt: at, outcome: 'failed' as const, message: 'x' };
  const rows: [string, Partial<Rollback>, string][] = [
    ['does once nothing speaks against it any more', { state: 'blocked' }, 'approved'],
    ['does when nobody decided in time', { state: 'expired' }, 'approved'],
    ['is asked for where a person said "wait"', { state: 'declined', declined: { ...no, reason: 'wait' } }, 'proposed'],
    ['is asked for where it failed', { state: 'failed', act: failed }, 'proposed'],
    ['is asked for where it did not help', { state: 'not-recovered', act: failed }, 'proposed'],
  ];
  test.each(rows)('%s', (_case, changes, state) => {
    const next = propose(record(changes), { ...PROPOSAL, reportedAt: at }, AT, true)?.after ?? null;
    expect(next?.state).toBe(state);
    // And so it stays for this incident.
    const later =
      next && propose({ ...next, state: 'expired' }, { ...PROPOSAL, reportedAt: '2026-11-22T10:09:00Z' }, AT, true);
    expect(later?.after.state).toBe(state);
  });
});

describe('a press of Approve', () => {
  const rows: [string, Partial<Rollback> | null, Partial<Approval>, number, string][] = [
    ['nothing is there', null, {}, 0, 'gone'],
    ['it is being carried out', { state: 'acting' }, {}, 0, 'decided'],
    ['it was declined', { state: 'declined' }, {}, 0, 'decided'],
    ['it is blocked', { state: 'blocked' }, {}, 0, 'decided'],
    ['it expired', { state: 'expired' }, {}, 0, 'expired'],
    ['its time is over, though nobody swept it', {}, {}, 900, 'expired'],
    ['the last second counts', {}, {}, 899, 'approved'],
    ['of an older version', {}, { version: 3 }, 0, 'stale'],
    ['of a version that never was', {}, { version: 5 }, 0, 'stale'],
    ['by somebody outside', {}, { permission: 'refused' }, 0, 'not-allowed'],
    ['while nobody can be looked up', {}, { permission: 'unknown' }, 0, 'nobody-may'],
    ['once, where by now two are asked', {}, { approvalsNeeded: 2 }, 0, 'first-of-two'],
    ['once, where two were asked at night', { approvalsNeeded: 2 }, { approvalsNeeded: 1 }, 0, 'first-of-two'],
    ['by the same person again', { approvals: [mine], approvalsNeeded: 2 }, {}, 0, 'same-person'],
    ['with a guard that blocks now', {}, { guards: [red] }, 0, 'blocked'],
    ['with a guard that is not sure', {}, { guards: [amber] }, 0, 'must-answer'],
    ['with the answer no', {}, { guards: [amber], answers: { migration: 'no', typedName: null } }, 0, 'approved'],
    [
      'with the answer yes',
      {},
      { guards: [amber], answers: { migration: 'yes', typedName: null } },
      0,
      'migration-forbids',
    ],
    ['with no answer', {}, { guards: [amber], answers: { migration: null, typedName: null } }, 0, 'migration-forbids'],
    [
      'an answer does not help against a block',
      {},
      { guards: [red], answers: { migration: 'no', typedName: null } },
      0,
      'blocked',
    ],
    ['tier 0 asks for the name', { isTierZero: true }, {}, 0, 'must-answer'],
    [
      'tier 0 with another name',
      { isTierZero: true },
      { answers: { migration: null, typedName: 'cart' } },
      0,
      'name-differs',
    ],
    [
      'tier 0 with the name',
      { isTierZero: true },
      { answers: { migration: null, typedName: 'checkout' } },
      0,
      'approved',
    ],
    ['one of two', { approvalsNeeded: 2 }, {}, 0, 'first-of-two'],
    ['two of two', { approvalsNeeded: 2, approvals: [{ ...mine, userId: 'U0ALICE' }] }, {}, 0, 'approved'],
    ['all is well', {}, {}, 0, 'approved'],
  ];
  test.each(rows)('%s', (_case, changes, press, afterSeconds, verdict) => {
    const before = changes === null ? null : record(changes);
    expect(judgeApproval(before, { ...PRESS, ...press }, AT + afterSeconds * 1000)).toBe(verdict);
  });

  it('changes nothing unless it counts', () => {
    for (const [, changes, press, after, verdict] of rows) {
      const before = changes === null ? null : record(changes);
      const { move } = approve(before, { ...PRESS, ...press }, AT + after * 1000);
      expect(move !== null).toBe(verdict === 'approved' || verdict === 'first-of-two');
    }
  });

  it('in any order and number never approves without as many different, allowed persons as are needed', () => {
    const press = fc.record({
      userId: fc.constantFrom('U0ALICE', 'U0BOB', 'U0CAROL', 'U0MALLORY'),
      lag: fc.integer({ min: -1, max: 2 }),
      isDecline: fc.boolean(),
      at: fc.integer({ min: 0, max: 1000 }),
    });
    fc.assert(
      fc.property(fc.constantFrom(1 as const, 2 as const), fc.array(press, { maxLength: 12 }), (needed, presses) => {
        let now = record({ approvalsNeeded: needed, version: 1 });
        for (const { userId, lag, isDecline, at } of presses) {
          const permission = userId === 'U0MALLORY' ? 'refused' : 'allowed';
          const one = { ...PRESS, userId, permission, version: now.version - lag } as const;
          const nowMs = AT + at * 1000;
          const { move } = isDecline
            ? decline(now, { ...one, reason: 'wait', note: '' }, nowMs)
            : approve(now, one, nowMs);
          const next = move?.after ?? expire(now, nowMs)?.after;
          if (next === undefined) continue;
          expect(move === null || lag === 0).toBe(true);
          now = { ...next, version: now.version + 1 };
        }
        const persons = new Set(now.approvals.map(({ userId }) => userId));
        expect(persons.has('U0MALLORY')).toBe(false);
        expect(now.state === 'approved').toBe(
          persons.size === needed && now.declined === null && now.state !== 'expired',
        );
      }),
    );
  });
});
