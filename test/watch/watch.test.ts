import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTriageQueue, type TriageQueue } from '../../src/adapters/bullmq/triage-queue.ts';
import { createAlertBook } from '../../src/adapters/redis/alert-book.ts';
import { createBaselineStore } from '../../src/adapters/redis/baseline-store.ts';
import { createIncidentBook, type RedisIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import { baselinesKey, watchStateKey } from '../../src/adapters/redis/keys.ts';
import { createSilenceBook } from '../../src/adapters/redis/silence-book.ts';
import { createWatchStateStore } from '../../src/adapters/redis/watch-state-store.ts';
import type { CommandDesk } from '../../src/adapters/slack/command-desk.ts';
import type { Outbox } from '../../src/adapters/slack/outbox.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/analysis/policy.ts';
import type { Service } from '../../src/config/config.ts';
import { toTriagedService } from '../../src/desks/run-triage.ts';
import { startTriage } from '../../src/desks/start-triage.ts';
import { ok } from '../../src/errors.ts';
import type { AlertTally } from '../../src/incident/alert-tally.ts';
import { countOccurrence, countResolved } from '../../src/incident/count-alerts.ts';
import { toWatchPorts } from '../../src/main/watching.ts';
import type { World } from '../../src/main/world.ts';
import { memoryAsOf } from '../../src/watch/memory-as-of.ts';
import { watchEverySeconds } from '../../src/watch/pace.ts';
import { type Watched, type WatchPorts, watchService } from '../../src/watch/watch.ts';
import { instanceOf, memoryOf, ripple } from '../analysis/memory-of.ts';
import { aReport } from '../slack/reports.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const MIB = 1024 * 1024;
const START = 1_790_000_000;
const MINUTE = 60;
/** A sixtieth of the product's own windows: looks are 5 s apart, a full window takes 6 min. */
const POLICY: Policy = {
  ...DEFAULT_POLICY,
  warning: { overRatio: 0.15, forSeconds: 30 },
  critical: { overRatio: 0.3, forSeconds: 30, oomKills: 2, withinSeconds: 60 },
  warmUpSeconds: 15,
};
const EVERY = watchEverySeconds(POLICY);

const healthy = (age: number) => (300 - 60 * Math.exp(-age / 15) + ripple(age)) * MIB;
const leaking = (age: number) => healthy(age) + (40 * MIB * age) / MINUTE;
/** Healthy for 9 min, then a fifth higher, and from minute 14 on by half. */
const rising = (age: number) => healthy(age) * (age < 9 * MINUTE ? 1 : age < 14 * MINUTE ? 1.2 : 1.5);

let server: TestRedis;
let prefix = '';
let incidents: RedisIncidentBook;
let queue: TriageQueue;
let told: string[] = [];
let nowSeconds = START;
let level: (age: number) => number = healthy;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.close());
beforeEach(() => {
  prefix = `{${randomUUID()}}`;
  const redis = server.connect();
  incidents = createIncidentBook(redis, prefix, () => nowSeconds * 1000);
  queue = createTriageQueue(redis, prefix);
  told = [];
  nowSeconds = START;
});
afterEach(() => queue.close());

/** The bot's own wiring; only Slack, the recorded memory and the clock are ours. */
function replica(channel: string | null = 'C0ONCALL'): WatchPorts {
  const redis = server.connect();
  const service = {
    name: 'checkout',
    site: 'local',
    channel,
    policy: POLICY,
    snapshot: { windowSeconds: 1 },
  } as Service;
  const log = (fields: { level?: string }, message: string) => void told.push(`${fields.level ?? ''} ${message}`);
  const world = {
    config: { services: new Map([['checkout', service]]) },
    logger: { info: log, warn: log, error: log, debug: () => {} },
    redis: { command: () => redis, prefix },
    memory: {
      readMemory: async (_service: string, sinceSeconds: number) => {
        const life = instanceOf({ startedAt: START, untilSeconds: nowSeconds, everySeconds: 1 }, level);
        return await Promise.resolve(ok(memoryAsOf(memoryOf([life]), nowSeconds, sinceSeconds)));
      },
    },
    requireService: () => service,
  } as unknown as World;
  const outbox = {
    tellEvent: async ({ id }, _key, text) => void told.push(`${id} ${text}`),
    showClosed: async ({ id }, _report, why) => void told.push(`${id} closed: ${why}`),
  } as Outbox;
  const baselines = createBaselineStore({ redis, prefix });
  const desk = {
    startTriage: async (request: Parameters<CommandDesk['startTriage']>[0]) =>
      await startTriage(request, { world, incidents, queue, outbox, umbrellas: { giveThread: async () => null } }),
    defaultSinceSeconds: () => 86_400,
  };
  const parts = {
    world,
    incidents,
    baselines,
    queue,
    outbox,
    desk,
    silences: createSilenceBook(redis, prefix),
  };
  return { ...toWatchPorts(parts), now: () => nowSeconds * 1000 };
}

async function look(ports: WatchPorts, channel: string | null = 'C0ONCALL'): Promise<Watched> {
  const service = {
    name: 'checkout',
    site: 'local',
    channel,
    policy: POLICY,
    snapshot: { windowSeconds: 1 },
  } as Service;
  return await watchService(toTriagedService(service), nowSeconds * 1000, ports, new AbortController().signal);
}

/** Looks at the usual pace until `minute` of the story. */
async function lookUntil(minute: number, ports: WatchPorts): Promise<string[]> {
  const actions: string[] = [];
  for (; nowSeconds < START + minute * MINUTE; nowSeconds += EVERY) {
    const watched = await look(ports);
    if (watched.kind === 'looked' && watched.action.kind !== 'none') actions.push(watched.action.kind);
  }
  return actions;
}

async function queuedJobs(): Promise<number> {
  const jobs = new Queue('triage', { connection: server.connect(), prefix });
  const count = await jobs.getWaitingCount();
  await jobs.close();
  return count;
}

const report = (id: string, verdict: 'warning' | 'critical') =>
  incidents.saveReport(id, { ...aReport(), incident: id, verdict });

describe('watching a service', () => {
  it('records the baseline of a healthy one and opens nothing', async () => {
    level = healthy;
    const ports = replica();
    expect(await lookUntil(8, ports)).toEqual([]);
    expect((await ports.baselines.current('checkout'))?.bytes).toBeCloseTo(300 * MIB, -7);
    expect(await incidents.recent(10)).toEqual([]);
  });

  it('does not record again what a person took back', async () => {
    level = healthy;
    const ports = replica();
    const store = createBaselineStore({ redis: server.connect(), prefix });
    await lookUntil(8, ports);
    const own = await store.current('checkout');
    if (own === null) throw new Error('a baseline was recorded');
    // As if an earlier release had one before.
    await server.connect().del(baselinesKey(prefix, 'checkout'));
    await store.set({ ...own, release: 'v0', source: 'manual', setBy: 'U0ALICE' });
    await store.set(own);
    expect(await store.revert('checkout')).toMatchObject({ outcome: 'ok', value: { release: 'v0' } });
    await lookUntil(12, ports);
    expect(await store.current('checkout')).toMatchObject({ release: 'v0' });
  });

  it('opens one incident with one job when it leaks, however many replicas do each look, and however often', async () => {
    level = leaking;
    const replicas = [replica(), replica(), replica()];
    for (; nowSeconds < START + 4 * MINUTE; nowSeconds += EVERY) {
      await Promise.all(replicas.map((ports) => look(ports)));
      for (const ports of replicas) expect(await look(ports)).toMatchObject({ kind: 'not-seen' });
    }
    const [incident, ...more] = await incidents.recent(10);
    expect(more).toEqual([]);
    expect(incident).toMatchObject({ symptom: 'memory-growth', openedBy: 'watch', channelId: 'C0ONCALL' });
    expect(await queuedJobs()).toBe(1);
    expect(await replicas[0]?.baselines.current('checkout')).toBeNull();
  });

  it('opens the same incident again when a replica dies between the deed and the memory of it', async () => {
    level = leaking;
    const ports = replica();
    const dying: WatchPorts = {
      ...ports,
      states: {
        ...ports.states,
        save: async (service, next, before) => {
          if (next.told !== null) throw new Error('killed');
          return await ports.states.save(service, next, before);
        },
      },
    };
    await expect(lookUntil(4, dying)).rejects.toThrow('killed');
    await look(ports);
    nowSeconds += EVERY;
    await lookUntil(5, ports);
    expect(await incidents.recent(10)).toHaveLength(1);
    expect(await queuedJobs()).toBe(1);
  });

  it('looks again in the same thread when a warning worsens, and closes it after a full healthy window', async () => {
    level = rising;
    const ports = replica();
    expect(await lookUntil(13, ports)).toEqual(['open']);
    await report('M-1', 'warning');
    expect(await lookUntil(16, ports)).toEqual(['look-again']);
    expect(await incidents.find('M-1')).toMatchObject({ state: 'triaging', round: 2 });
    expect(await queuedJobs()).toBe(2);
    expect(told.filter((line) => line.startsWith('M-1'))).toEqual([expect.stringContaining('M-1 🔴 Now critical')]);
    await report('M-1', 'critical');

    level = healthy;
    expect(await lookUntil(24, ports)).toEqual(['close']);
    expect(told).toContain('M-1 closed: healthy for 6 min');
    expect(await incidents.openOf('checkout')).toBeNull();
    expect(await incidents.recent(10)).toHaveLength(1);
  });

  it('leaves open what an alert fires for, until it is resolved; of a case that was asked elsewhere nobody on call hears', async () => {
    const request = { service: 'checkout', openedBy: 'U0ALICE', sinceSeconds: 86_400, takeSnapshot: true };
    level = rising;
    expect(await lookUntil(9, replica())).toEqual([]);
    await incidents.openOrJoin({ ...request, symptom: 'asked', channelId: 'D0ALICE' }, 'local');
    expect(await lookUntil(13, replica())).toEqual(['open']);
    expect(await incidents.find('M-2')).toMatchObject({ channelId: 'C0ONCALL', openedBy: 'watch' });
    const startsAt = new Date().toISOString();
    const kind = 'rss_growth' as const;
    const alert = { key: 'a', fingerprint: 'a', source: 'Alertmanager', name: 'Rss', summary: '', instance: null };
    const alerts = createAlertBook(server.connect(), prefix);
    const told = { nowMs: Date.now(), isOver: false };
    const tally = (before: AlertTally | null) => countOccurrence(before, { ...alert, kind, startsAt }, told);
    await alerts.change('M-2', (before) => ({ tally: tally(before), looksAgain: false }));
    await report('M-2', 'critical');
    level = healthy;
    expect(await lookUntil(30, replica())).toEqual([]);
    expect(await incidents.find('M-2')).toMatchObject({ state: 'reported' });
    await alerts.change('M-2', (before) =>
      before === null
        ? null
        : { tally: countResolved(before, { ...alert, kind, startsAt }, Date.now()), looksAgain: false },
    );
    expect(await lookUntil(31, replica())).toEqual(['close']);
  });

  it('says it in the log, once, where the service has no channel', async () => {
    level = leaking;
    const ports = replica(null);
    await lookUntil(5, ports);
    expect(await incidents.recent(10)).toEqual([]);
    expect(told).toEqual(['critical memory trouble, and no Slack channel to tell it in']);
  });

  it('queues the triage of an incident whose job was lost', async () => {
    level = leaking;
    await incidents.openOrJoin(
      {
        service: 'checkout',
        symptom: 'asked',
        openedBy: 'U0ALICE',
        channelId: 'C0ONCALL',
        sinceSeconds: 60,
        takeSnapshot: true,
      },
      'local',
    );
    nowSeconds += MINUTE;
    await look(replica());
    expect(await queuedJobs()).toBe(1);
  });
});

describe('what is remembered between two looks', () => {
  const state = (atMs: number) =>
    ({
      schema: 1,
      atMs,
      runs: { critical: 0, leak: 0, 'fast-leak': 0, 'slow-leak': 0, warning: 0, suspect: 0, calm: 1 },
      release: null,
      told: null,
      wasCalm: false,
    }) as const;

  it('is kept by the first of two who looked at the same time, and expires', async () => {
    const redis = server.connect();
    const states = createWatchStateStore({ redis, prefix });
    expect(await states.load('checkout')).toBeNull();
    expect(await states.save('checkout', state(1000), null)).toBe(true);
    expect(await states.save('checkout', state(2000), null)).toBe(false);
    expect(await states.load('checkout')).toEqual(state(1000));
    expect(await states.save('checkout', state(1_790_000_000_123), state(1000))).toBe(true);
    expect(await states.save('checkout', state(3000), state(1000))).toBe(false);
    expect(await states.save('checkout', state(3000), state(1_790_000_000_123))).toBe(true);
    expect(await redis.ttl(watchStateKey(prefix, 'checkout'))).toBeGreaterThan(86_400);
  });

  it('is begun anew when it can not be read', async () => {
    const redis = server.connect();
    const states = createWatchStateStore({ redis, prefix });
    for (const damaged of ['{"schema":2}', 'no JSON']) {
      await redis.set(watchStateKey(prefix, 'checkout'), damaged);
      expect(await states.load('checkout')).toBeNull();
      expect(await states.save('checkout', state(1000), null)).toBe(true);
    }
  });
});

describe('while a service is silenced', () => {
  it('a leak opens nothing and is not forgotten: it opens its thread once the silence ended', async () => {
    level = leaking;
    const ports = replica();
    const silences = createSilenceBook(server.connect(), prefix);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await silences.set({ schema: 1, service: 'checkout', by: 'U0ALICE', reason: 'load test', since: until, until });
    for (; nowSeconds < START + 5 * MINUTE; nowSeconds += EVERY) await look(ports).catch(() => {});
    expect(await incidents.recent(10)).toEqual([]);
    await silences.end('checkout');
    await lookUntil(7, ports);
    expect(await incidents.recent(10)).toMatchObject([{ openedBy: 'watch', service: 'checkout' }]);
  });
});
