import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMetrics } from '../../src/adapters/metrics/metrics.ts';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import type { Rollback } from '../../src/incident/rollback.ts';
import { measureRollbacks } from '../../src/main/measured-rollbacks.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { aRollback, openIncident, PROPOSED_AT } from './a-rollback.ts';

const PREFIX = '{measured}';
const AT = PROPOSED_AT;
const ACTED = { startedAt: AT, endedAt: AT, outcome: 'done' as const, message: 'done' };
const PROOF = {
  judgedAt: AT,
  instancesChanged: 1,
  instances: 1,
  after: { rssBytes: null, growth: null },
  secondsToMitigation: 1500,
  message: 'memory is down',
};

let server: TestRedis;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  await server.close();
});

/** A bot's book with its own metrics. */
function aBot() {
  const metrics = createMetrics();
  const book = measureRollbacks(createRollbackBook(server.connect(), PREFIX), metrics.noteRollback);
  const nothing = {
    redisPingSeconds: null,
    queues: [],
    outbox: null,
    sites: [],
    incidents: {},
    pulseAgeSeconds: null,
  };
  async function valueOf(series: string): Promise<number> {
    const { body } = await metrics.render(async () => nothing);
    const line = body.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
  }
  return { book, valueOf };
}

it('a rollback is counted once in each state that it comes into, whichever bot writes it, with its time to mitigation', async () => {
  const id = await openIncident(server.connect(), PREFIX);
  const bots = [aBot(), aBot()];
  const sum = async (series: string): Promise<number> => {
    const values = await Promise.all(bots.map(({ valueOf }) => valueOf(series)));
    return values.reduce((total, value) => total + value, 0);
  };
  expect(await sum('memtriage_rollbacks_total{state="blocked"}')).toBe(0);
  expect(await sum('memtriage_time_to_mitigation_seconds_count{state="recovered"}')).toBe(0);

  /** Both at once: the second finds it done and writes nothing. */
  const becomes = async (after: Rollback): Promise<void> => {
    const decide = (before: Rollback | null) => (before?.state === after.state ? null : { after, audit: [] });
    await Promise.all(bots.map(({ book }) => book.change(id, decide)));
  };
  await becomes(aRollback({ incident: id }));
  await becomes(aRollback({ incident: id, state: 'verifying', act: ACTED }));
  await becomes(aRollback({ incident: id, state: 'recovered', act: ACTED, proof: PROOF }));
  // A change that leaves its state and its outcome as they are.
  await bots[0]?.book.change(id, (before) =>
    before === null ? null : { after: { ...before, guards: [] }, audit: [] },
  );

  for (const state of ['proposed', 'verifying', 'recovered'])
    expect(await sum(`memtriage_rollbacks_total{state="${state}"}`)).toBe(1);
  expect(await sum('memtriage_rollbacks_total{state="not-recovered"}')).toBe(0);
  expect(await sum('memtriage_rollback_acts_total{outcome="done"}')).toBe(1);
  expect(await sum('memtriage_rollback_acts_total{outcome="unknown"}')).toBe(0);
  expect(await sum('memtriage_time_to_mitigation_seconds_sum{state="recovered"}')).toBe(1500);
  expect(await sum('memtriage_time_to_mitigation_seconds_count{state="recovered"}')).toBe(1);
});
