/** When the proof of a rollback is taken for its end, and when it waits; with the real record in a real Redis. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import type { ServiceMemory } from '../../src/analysis/memory.ts';
import { DEFAULT_POLICY } from '../../src/analysis/policy.ts';
import { inconclusive, type Outcome, ok } from '../../src/errors.ts';
import { type CarryOutPorts, carryOutStep, type OrderState } from '../../src/mitigation/carry-out.ts';
import { instanceOf, memoryOf, ripple } from '../analysis/memory-of.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { aRollback, openIncident, PROPOSED_AT } from './a-rollback.ts';

const PREFIX = '{proof}';
const ACTED = Date.parse(PROPOSED_AT) / 1000;
const VERIFY_SECONDS = 1800;
const MIB = 2 ** 20;
const NOTHING = inconclusive('operator', 'no collector reported for site local', 'Start it');

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.close();
});
beforeEach(async () => {
  await server.connect().flushall();
});

const VERIFYING = aRollback({
  state: 'verifying',
  before: { rssBytes: 2400 * MIB, growth: null },
  act: { startedAt: PROPOSED_AT, endedAt: PROPOSED_AT, outcome: 'done', message: 'rolled back' },
});

/** A quiet instance, measured every 15 s from so many seconds after the act until now. */
function measured(fromSeconds: number, nowSeconds: number, oomKillsAt: number[] = []): Outcome<ServiceMemory> {
  const startedAt = ACTED + fromSeconds;
  const quiet = (age: number) => 800 * MIB + ripple(age) * 8192;
  return ok(memoryOf([instanceOf({ startedAt, untilSeconds: nowSeconds, everySeconds: 15 }, quiet)], { oomKillsAt }));
}

/** A step of a bot so many seconds after the act (or its order), and what it did. */
async function stepAt(
  seconds: number,
  memory: (nowSeconds: number) => Outcome<ServiceMemory>,
  seen: OrderState | null = null,
) {
  const rollbacks = createRollbackBook(server.connect(), PREFIX);
  const told: string[] = [];
  const unused = async () => {
    throw new Error('nothing is ordered while memory is watched');
  };
  const ports: CarryOutPorts = {
    now: () => (ACTED + seconds) * 1000,
    rollbacks,
    guardsNow: unused,
    orders: { give: unused, takeBack: unused, look: async () => seen ?? (await unused()) },
    readMemory: async () => memory(ACTED + seconds),
    baseline: async () => null,
    openedAt: async () => '2026-11-21T01:30:00.000Z',
    tell: async ({ state }) => void told.push(state),
    refresh: async () => {},
    closeIncident: async ({ state }) => void told.push(`closed as ${state}`),
    settings: () => ({ policy: DEFAULT_POLICY, verifyForSeconds: VERIFY_SECONDS }),
  };
  const due = await carryOutStep('M-1', ports);
  const after = await rollbacks.find('M-1');
  return { due, state: after?.state, proof: after?.proof ?? null, told };
}

async function begin(): Promise<void> {
  await openIncident(server.connect(), PREFIX);
  const book = createRollbackBook(server.connect(), PREFIX);
  await book.change('M-1', () => ({ after: VERIFYING, audit: [] }));
}

it('waits for its time, then it is the end, which is told and closes the incident', async () => {
  await begin();
  expect(await stepAt(900, (now) => measured(0, now))).toMatchObject({ due: 30, state: 'verifying' });
  const end = await stepAt(VERIFY_SECONDS, (now) => measured(0, now));
  expect(end).toMatchObject({ due: null, state: 'recovered', told: ['verifying', 'recovered', 'closed as recovered'] });
  expect(end.proof).toMatchObject({ instancesChanged: 1, instances: 1, secondsToMitigation: 1800 });
});

it('a kill is told at once', async () => {
  await begin();
  const killed = (now: number) => measured(0, now, [ACTED + 60]);
  expect(await stepAt(90, killed)).toMatchObject({ due: null, state: 'not-recovered' });
});

it('a collector that comes back late is waited for, until enough was measured', async () => {
  await begin();
  expect(await stepAt(VERIFY_SECONDS, () => NOTHING)).toMatchObject({ due: 30, state: 'verifying' });
  const late = (now: number) => measured(VERIFY_SECONDS + 60, now);
  expect(await stepAt(VERIFY_SECONDS + 120, late)).toMatchObject({ due: 30, state: 'verifying' });
  expect(await stepAt(VERIFY_SECONDS + 1000, late)).toMatchObject({ due: null, state: 'recovered' });
});

it('after as long again nobody can tell, which closes nothing and says why', async () => {
  await begin();
  expect(await stepAt(2 * VERIFY_SECONDS - 1, () => NOTHING)).toMatchObject({ due: 30, state: 'verifying' });
  const end = await stepAt(2 * VERIFY_SECONDS, () => NOTHING);
  expect(end).toMatchObject({ due: null, state: 'unproven', told: ['verifying', 'unproven'] });
  expect(end.proof?.message).toBe('no collector reported for site local');
  expect(await stepAt(2 * VERIFY_SECONDS + 60, (now) => measured(0, now))).toMatchObject({
    due: null,
    state: 'unproven',
  });
});

it('an order whose collector is gone for good is not waited for without end: what runs decides, else a person', async () => {
  await openIncident(server.connect(), PREFIX);
  const book = createRollbackBook(server.connect(), PREFIX);
  const act = { startedAt: PROPOSED_AT, endedAt: null, outcome: null, message: '1 of 3 pods' };
  await book.change('M-1', () => ({ after: aRollback({ state: 'acting', act }), audit: [] }));
  const acting: OrderState = { state: 'acting', progress: '1 of 3 pods' };
  expect(await stepAt(1800, () => NOTHING, acting)).toMatchObject({ due: 2, state: 'acting' });
  const end = await stepAt(3601, () => NOTHING, acting);
  expect(end).toMatchObject({ due: null, state: 'failed', told: ['failed'] });
  expect((await book.find('M-1'))?.act).toMatchObject({
    outcome: 'unknown',
    message: expect.stringMatching(
      /^the collector of site local began it and told no end for 1 h; last seen: 1 of 3 pods/,
    ),
  });
});
