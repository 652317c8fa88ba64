import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTriageQueue, type TriageQueue } from '../../src/adapters/bullmq/triage-queue.ts';
import { createAuditBook } from '../../src/adapters/redis/audit-book.ts';
import { createBaselineStore } from '../../src/adapters/redis/baseline-store.ts';
import { isFirstSeen } from '../../src/adapters/redis/first-seen.ts';
import { createIncidentBook, type RedisIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import type { Press } from '../../src/adapters/slack/action-desk.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { lookActions, lookPart } from '../../src/desks/look-actions.ts';
import type { RollbackState } from '../../src/incident/rollback.ts';
import { propose } from '../../src/incident/rollback-moves.ts';
import { rollbackPart } from '../../src/report/slack-rollback.ts';
import { anIncident, aReport } from '../slack/reports.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { config, memoryAt } from './desk-rig.ts';

let redis: TestRedis;
let prefix = '';
let number = 0;
let queue: TriageQueue;
let incidents: RedisIncidentBook;
let told: string[];
let press: Press;
let actions: ReturnType<typeof lookActions>;
let stores: { audit: ReturnType<typeof createAuditBook>; baselines: ReturnType<typeof createBaselineStore> };

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => await redis.close());

beforeEach(async () => {
  number += 1;
  prefix = `{look${number}}`;
  const client = redis.connect();
  await client.ping();
  const parsed = parseConfig(config(), '/tmp/memtriage.yaml');
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  const service = parsed.config.services.get('checkout');
  if (service === undefined) throw new Error('no service');
  queue = createTriageQueue(client, prefix);
  incidents = createIncidentBook(client, prefix, Date.now);
  stores = { audit: createAuditBook(client, prefix), baselines: createBaselineStore({ redis: client, prefix }) };
  told = [];
  actions = lookActions({
    world: {
      memory: { readMemory: async () => ({ outcome: 'ok', value: steady() }) },
      requireService: () => service,
      signal: new AbortController().signal,
    },
    incidents,
    queue,
    outbox: { tellEvent: async (_incident, _key, text) => void told.push(text) },
    mayChangeBaseline: async () => ({ outcome: 'ok', value: null }),
    admit: async (key, seconds) => await isFirstSeen(client, prefix, key, seconds),
    ...stores,
  });
  const request = { service: 'checkout', symptom: 'asked', openedBy: 'U0ALICE', channelId: 'C0PAY' } as const;
  const opened = await incidents.openOrJoin({ ...request, sinceSeconds: 3600, takeSnapshot: true }, 'local');
  const { id } = opened.incident;
  await incidents.saveReport(id, aReport({ incident: id }));
  press = {
    actionId: 'snapshot_again',
    incidentId: id,
    version: 1,
    userId: 'U0BOB',
    channelId: 'C0PAY',
    messageTs: '1.1',
    threadTs: '1.1',
  };
});
afterEach(async () => await queue.close());

/** A day of one instance that holds 800 MB. */
function steady() {
  const nowSeconds = Date.now() / 1000;
  const memory = memoryAt(nowSeconds);
  const samples = Array.from({ length: 400 }, (_, i): [number, number] => [nowSeconds - (400 - i) * 60, 800_000_000]);
  const startedAt = nowSeconds - 86_400;
  return { ...memory, instances: memory.instances.map((one) => ({ ...one, startedAt, samples })) };
}

const wordsOf = async (answer: Promise<{ kind: string; text?: string | null }>) => (await answer).text ?? '';

describe('Look again', () => {
  it('begins a new round once, and a second press within five minutes does nothing', async () => {
    expect(await wordsOf(actions.snapshot_again.press(press))).toContain('Looking again');
    expect(await incidents.find(press.incidentId)).toMatchObject({ state: 'triaging', round: 2 });
    expect((await stores.audit.list(press.incidentId)).map(({ who, what }) => `${who} ${what}`)).toEqual([
      'U0BOB looked-again',
    ]);
    await incidents.saveReport(press.incidentId, aReport({ incident: press.incidentId }));
    const again = actions.snapshot_again.press({ ...press, version: 2 });
    expect(await wordsOf(again)).toContain('less than 5 min old; nothing was started');
    expect(told).toEqual(['⏳ Looking again (asked in this thread).']);
  });

  it('does nothing for an older report, a closed incident or one that is not known', async () => {
    expect(await wordsOf(actions.snapshot_again.press({ ...press, version: 7 }))).toContain(
      'belongs to an older report',
    );
    expect(await wordsOf(actions.snapshot_again.press({ ...press, incidentId: 'M-999' }))).toContain(
      'not known any more',
    );
    await incidents.close(press.incidentId);
    expect(await wordsOf(actions.snapshot_again.press(press))).toContain('is closed; nothing was done');
    expect(await stores.audit.list(press.incidentId)).toEqual([]);
  });
});

describe('Set as new baseline', () => {
  it('asks why, and what was answered is in the trail with the figures', async () => {
    const asked = { ...press, actionId: 'set_baseline' } as const;
    expect(await actions.set_baseline.press(asked)).toMatchObject({ kind: 'modal' });
    expect(await stores.baselines.current('checkout')).toBeNull();
    const said = await actions.set_baseline.submit?.({ ...asked, values: { reason: 'new cache <!channel>' } });
    expect(said).toMatch(/The baseline is now v812: 763 MiB/);
    expect(await stores.baselines.current('checkout')).toMatchObject({ setBy: 'U0BOB', source: 'manual' });
    const [entry] = await stores.audit.list(press.incidentId);
    expect(entry).toMatchObject({ who: 'U0BOB', what: 'baseline', why: expect.stringContaining('because: new cache') });
  });
});

describe('the buttons of a root', () => {
  it.each([
    ['triaging', []],
    ['reported', ['snapshot_again', 'set_baseline']],
    ['closed', []],
  ] as const)('of an incident that is %s', (state, buttons) => {
    expect(lookPart(anIncident({ state })).buttons.map(({ action }) => action)).toEqual(buttons);
  });

  const proposal = propose(
    null,
    {
      incident: 'M-1',
      service: 'checkout',
      site: 'local',
      from: 'v812',
      to: 'v811',
      approvers: ['U0BOB'],
      approvalsNeeded: 1,
      isTierZero: false,
      reportedAt: '2026-11-22T10:00:00Z',
      before: { rssBytes: null, growth: null },
      guards: [],
      secondsToLimit: null,
      secondsToRollBack: null,
    },
    Date.parse('2026-11-22T10:00:00Z'),
    false,
  )?.after;

  it.each<[RollbackState, number, RegExp | null]>([
    ['proposed', 2, null],
    ['approved', 0, /^🔵 .*approved/],
    ['acting', 0, /^🔵 .*rolling back v812 → v811/],
    ['verifying', 0, /^🔵 .*rolled back to v811.*watching/],
    ['recovered', 0, /^🟢 .*RECOVERED/],
    ['not-recovered', 0, /^🔴 .*NOT RECOVERED/],
    ['unproven', 0, /^🟠 .*CAN'T TELL whether the rollback helped/],
    ['failed', 0, /^🔴 .*ROLLBACK FAILED/],
    ['declined', 0, null],
    ['expired', 0, null],
    ['blocked', 0, null],
  ])('with a rollback that is %s: %i', (state, count, head) => {
    if (proposal === undefined) throw new Error('not proposed');
    const part = rollbackPart({ ...proposal, state });
    expect(part.buttons).toHaveLength(count);
    if (head === null) expect(part.head).toBeNull();
    else expect(part.head).toMatch(head);
  });
});
