import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAlertBook } from '../../src/adapters/redis/alert-book.ts';
import { createIncidentBook, incidentKey } from '../../src/adapters/redis/incident-book.ts';
import type { Occurrence } from '../../src/incident/alert-tally.ts';
import { countOccurrence, countResolved } from '../../src/incident/count-alerts.ts';
import type { TriageRequest } from '../../src/incident/incident.ts';
import { aReport } from '../slack/reports.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const PREFIX = '{test}';
const HOUR = 3600;

let server: TestRedis;
let redis: Redis;
let service: string;
let nextService = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = server.connect();
});

afterAll(async () => {
  await server.close();
});

beforeEach(() => {
  nextService += 1;
  service = `service-${nextService}`;
});

function books() {
  return { incidents: createIncidentBook(redis, PREFIX, Date.now), alerts: createAlertBook(redis, PREFIX) };
}

function request(parts: Partial<TriageRequest> = {}): TriageRequest {
  return {
    service,
    symptom: 'oom-kill',
    openedBy: 'Alertmanager',
    channelId: 'C0ONCALL',
    sinceSeconds: 3600,
    takeSnapshot: true,
    ...parts,
  };
}

/** As an alert opens or joins; one of a kind that never resolves. */
async function open(key: string, parts: Partial<TriageRequest> = {}) {
  const told: Occurrence = { ...alert(`${key} opened it`), kind: 'rss_growth', fingerprint: null };
  const tally = countOccurrence(null, told, { nowMs: Date.now(), isOver: false });
  return await books().incidents.openOrJoin(request(parts), 'local', `${service}/${key}`, {
    tally,
    toldAtMs: Date.now(),
  });
}

function alert(key: string): Occurrence {
  const startsAt = new Date().toISOString();
  const named = { name: 'PodOOMKilled', summary: '', instance: key, source: 'Alertmanager' };
  return { key, fingerprint: key, kind: 'oom', startsAt, ...named };
}

async function count(id: string, one: Occurrence, looksAgain = false): Promise<void> {
  await books().alerts.change(id, (before) => ({
    tally: countOccurrence(before, one, { nowMs: Date.now(), isOver: false }),
    looksAgain,
  }));
}

async function resolveAlert(id: string, one: Occurrence): Promise<void> {
  await books().alerts.change(id, (before) =>
    before === null ? null : { tally: countResolved(before, one, Date.now()), looksAgain: false },
  );
}

/** As if nothing had happened since. */
async function age(id: string, seconds: number): Promise<void> {
  await redis.hset(incidentKey(PREFIX, id), 'changedAt', Math.floor(Date.now() / 1000) - seconds);
}

async function report(id: string, verdict: 'healthy' | 'warning' = 'warning'): Promise<void> {
  await books().incidents.saveReport(id, { ...aReport(), incident: id, verdict });
}

describe('alerts of one service', () => {
  it('at the same moment open one incident, and each is counted', async () => {
    const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
    const opened = await Promise.all(
      keys.map(async (key) => {
        const { incident } = await open(key);
        await count(incident.id, alert(key));
        return incident.id;
      }),
    );
    const [id = ''] = opened;
    expect(new Set(opened).size).toBe(1);
    expect((await books().incidents.find(id))?.alerts?.kills?.count).toBe(60);
  });

  it('join what is reported, where a command opens a new one', async () => {
    const { incident } = await open('first');
    await report(incident.id);
    expect((await open('second')).incident).toMatchObject({ id: incident.id, state: 'reported' });
    const asked = await books().incidents.openOrJoin(request({ openedBy: 'U0ALICE' }), 'local', 'asked');
    expect(asked.joined).toBe(false);
    expect(asked.incident.id).not.toBe(incident.id);
    expect((await open('third')).incident.id).toBe(asked.incident.id);
  });

  it('have their thread in the channel of their service, whatever was asked about it elsewhere, whose report still comes', async () => {
    const asked = request({ symptom: 'asked', openedBy: 'U0ALICE', channelId: 'D0ALICE' });
    const elsewhere = await books().incidents.openOrJoin(asked, 'local', `${service}/asked`);
    const alerted = await open('first');
    expect(alerted.incident).toMatchObject({ channelId: 'C0ONCALL', previous: elsewhere.incident.id });
    expect((await books().incidents.find(elsewhere.incident.id))?.state).toBe('triaging');
    await report(elsewhere.incident.id);
    expect((await books().incidents.find(elsewhere.incident.id))?.state).toBe('closed');
    expect((await open('second')).incident.id).toBe(alerted.incident.id);
    // Who asks elsewhere joins what runs.
    expect((await books().incidents.openOrJoin(asked, 'local', `${service}/again`)).incident.id).toBe(
      alerted.incident.id,
    );
  });

  it.each<[string, boolean, (id: string) => Promise<unknown>]>([
    ['an hour after it was closed a new one is opened', false, (id) => closeAndAge(id, HOUR + 5)],
    ['within an hour after it was closed it goes on', true, (id) => closeAndAge(id, HOUR - 5)],
    ['an hour after it became quiet a new one is opened', false, (id) => quietAndAge(id, HOUR + 5)],
    ['within an hour after it became quiet it goes on', true, (id) => quietAndAge(id, HOUR - 5)],
    ['a day after its report a new one is opened', false, (id) => reportAndAge(id, 24 * HOUR + 5)],
    ['within a day after its report it goes on', true, (id) => reportAndAge(id, 24 * HOUR - 5)],
    ['while something fires it goes on for a week', true, (id) => fireAndAge(id, 7 * 24 * HOUR)],
  ])('%s', async (_, goesOn, prepare) => {
    const { incident } = await open('first');
    await prepare(incident.id);
    const next = await open('next');
    expect(next.joined).toBe(goesOn);
    expect(next.incident.previous).toBe(goesOn ? '' : incident.id);
    expect(next.incident.id === incident.id).toBe(goesOn);
  });

  it('join no incident of the command line, which has no thread', async () => {
    const { incident } = await open('first', { channelId: null });
    expect((await open('second')).incident.id).not.toBe(incident.id);
  });

  it('get the incident that they opened when they are taken again after a crash', async () => {
    const { incident } = await open('first');
    await count(incident.id, alert('first'));
    await report(incident.id);
    await age(incident.id, 30 * 24 * HOUR);
    await resolveAlert(incident.id, alert('first'));
    await age(incident.id, 30 * 24 * HOUR);
    expect((await open('first')).incident.id).toBe(incident.id);
  });
});

describe('an incident with alerts', () => {
  it('has the alert that opened it from its first moment; what joins is counted by its own step', async () => {
    const { incident } = await open('first');
    expect((await books().incidents.find(incident.id))?.alerts).toMatchObject({ entries: 1, others: { count: 1 } });
    await open('second');
    expect((await books().incidents.find(incident.id))?.alerts?.entries).toBe(1);
  });

  it('stays open when its report finds memory healthy while something fires', async () => {
    const { incident } = await open('first');
    await count(incident.id, alert('first'));
    await report(incident.id, 'healthy');
    expect((await books().incidents.find(incident.id))?.state).toBe('reported');
  });

  it('is closed by a healthy report once it is quiet', async () => {
    const { incident } = await open('first');
    await count(incident.id, alert('first'));
    await resolveAlert(incident.id, alert('first'));
    await report(incident.id, 'healthy');
    expect((await books().incidents.find(incident.id))?.state).toBe('closed');
  });

  it('goes back into triage in one piece with what is counted: next round, no saved steps', async () => {
    const { incidents } = books();
    const { incident } = await open('first');
    await incidents.saveStep(incident.id, {
      step: 'capture',
      kind: 'capture',
      outcome: 'ok',
      seconds: 1,
      note: '',
      finding: null,
    });
    await report(incident.id);
    await count(incident.id, alert('first'), true);
    expect(await incidents.find(incident.id)).toMatchObject({ state: 'triaging', round: 2, alerts: { entries: 2 } });
    expect(await incidents.savedSteps(incident.id)).toEqual([]);
  });

  it('that is gone from Redis fails loudly', async () => {
    await expect(count('M-999999', alert('first'))).rejects.toThrow('gone from Redis');
  });
});

async function closeAndAge(id: string, seconds: number): Promise<void> {
  await books().incidents.close(id);
  await age(id, seconds);
}

async function quietAndAge(id: string, seconds: number): Promise<void> {
  await count(id, alert('first'));
  await report(id);
  await resolveAlert(id, alert('first'));
  await age(id, seconds);
}

async function reportAndAge(id: string, seconds: number): Promise<void> {
  await report(id);
  await age(id, seconds);
}

async function fireAndAge(id: string, seconds: number): Promise<void> {
  await count(id, alert('first'));
  await report(id);
  await age(id, seconds);
}
