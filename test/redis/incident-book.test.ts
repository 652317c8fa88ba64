import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIncidentBook, type RedisIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import type { TriageRequest } from '../../src/incident/incident.ts';
import type { StepResult } from '../../src/incident/step-result.ts';
import { aReport } from '../slack/reports.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const NOW_MS = Date.parse('2026-11-22T10:00:00Z');

let redis: TestRedis;
let prefix = '';
let nowMs = NOW_MS;
let book: RedisIncidentBook;

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  await redis.close();
});

beforeEach(() => {
  prefix = `{${randomUUID()}}`;
  nowMs = NOW_MS;
  book = createIncidentBook(redis.connect(), prefix, () => nowMs);
});

function aRequest(changes: Partial<TriageRequest> = {}): TriageRequest {
  return {
    service: 'checkout',
    symptom: 'asked',
    openedBy: 'U0ALICE',
    channelId: 'C0ONCALL',
    sinceSeconds: 86_400,
    takeSnapshot: true,
    ...changes,
  };
}

async function open(changes: Partial<TriageRequest> = {}, requestKey = '') {
  return await book.openOrJoin(aRequest(changes), 'local', requestKey);
}

describe('opening an incident', () => {
  it('stores who asked for what, where and when', async () => {
    const { incident, joined } = await open();
    expect(joined).toBe(false);
    expect(incident).toEqual({
      schema: 1,
      id: 'M-1',
      service: 'checkout',
      site: 'local',
      symptom: 'asked',
      state: 'triaging',
      openedAt: '2026-11-22T10:00:00.000Z',
      openedBy: 'U0ALICE',
      channelId: 'C0ONCALL',
      previous: '',
    });
    expect(await book.find('M-1')).toEqual(incident);
    expect(await book.request('M-1')).toEqual(aRequest());
  });

  it('counts the ids up over all services', async () => {
    const ids: string[] = [];
    for (const service of ['checkout', 'payments', 'search']) ids.push((await open({ service })).incident.id);
    expect(ids).toEqual(['M-1', 'M-2', 'M-3']);
  });

  it('gives one incident to all who ask at the same moment, in several replicas', async () => {
    const books = Array.from({ length: 8 }, () => createIncidentBook(redis.connect(), prefix, () => nowMs));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (books[i % 8] ?? book).openOrJoin(aRequest({ openedBy: `U${i}` }), 'local')),
    );
    expect(new Set(answers.map((answer) => answer.incident.id))).toEqual(new Set(['M-1']));
    expect(answers.filter((answer) => answer.joined === false)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.incident.openedBy)).size).toBe(1);
    expect(await book.recent(10)).toHaveLength(1);
  });

  it('keeps services apart, also those whose names look like keys', async () => {
    const names = ['checkout', 'checkout:1', 'a:b', 'a', '*', 'seq', 'M-1:steps'];
    for (const service of names) expect((await open({ service })).joined).toBe(false);
    for (const [i, service] of names.entries()) {
      expect(await book.openOf(service)).toMatchObject({ id: `M-${i + 1}`, service });
    }
  });

  it('answers the same request again with the incident that it opened, also when that has ended', async () => {
    await open({}, 'request-1');
    expect(await open({}, 'request-1')).toMatchObject({ joined: false, incident: { id: 'M-1', state: 'triaging' } });
    await book.saveReport('M-1', aReport({ incident: 'M-1' }));
    expect(await open({}, 'request-1')).toMatchObject({ joined: false, incident: { id: 'M-1', state: 'reported' } });
    expect(await open({}, 'request-2')).toMatchObject({ joined: false, incident: { id: 'M-2' } });
    expect(await open({}, 'request-1')).toMatchObject({ incident: { id: 'M-1', state: 'closed' } });
  });

  it('opens a new one for a request whose incident is gone from Redis', async () => {
    await open({}, 'request-1');
    await redis.connect().del(`${prefix}:incident:M-1`);
    expect(await open({}, 'request-1')).toMatchObject({ joined: false, incident: { id: 'M-2' } });
  });

  it('does not send a person to a triage of the command line, which has no thread', async () => {
    const alone = await open({ openedBy: 'command line', channelId: null });
    const asked = await open();
    expect(asked).toMatchObject({ joined: false, incident: { id: 'M-2', channelId: 'C0ONCALL' } });
    expect(await book.find(alone.incident.id)).toMatchObject({ state: 'closed' });
    // Whoever needs no thread may wait for the report of one that has it.
    expect(await open({ openedBy: 'command line', channelId: null })).toMatchObject({
      joined: true,
      incident: { id: 'M-2' },
    });
    await book.saveReport('M-1', aReport({ incident: 'M-1' }));
    expect(await book.find('M-1')).toMatchObject({ state: 'closed' });
    expect(await book.openOf('checkout')).toMatchObject({ id: 'M-2', state: 'triaging' });
  });

  it('leaves a case that people see to them when the command line looks for itself', async () => {
    const alone = { openedBy: 'command line', channelId: null };
    await open();
    await book.saveReport('M-1', aReport({ incident: 'M-1', verdict: 'critical' }));
    expect(await open(alone)).toMatchObject({ joined: false, incident: { id: 'M-2', state: 'closed', previous: '' } });
    await book.saveReport('M-2', aReport({ incident: 'M-2', verdict: 'critical' }));
    expect(await book.reportJson('M-2')).toContain('M-2');
    expect(await book.find('M-2')).toMatchObject({ state: 'closed' });
    expect(await book.openOf('checkout')).toMatchObject({ id: 'M-1', state: 'reported' });
    // An alert may reopen it within the hour: it must still find it.
    await book.close('M-1');
    await open(alone);
    expect(await book.newestOf('checkout')).toMatchObject({ id: 'M-1', state: 'closed' });
    expect(await open()).toMatchObject({ incident: { id: 'M-4', state: 'triaging', previous: 'M-1' } });
  });
});

describe('whatever people and configurations write', () => {
  const MEGABYTE = 'x'.repeat(1 << 20);

  it.each([
    ['quotes', 'U"0\\ALICE", "id":"", "state":"closed'],
    ['an id of its own', '"id":""'],
    ['patterns of Lua', '%0 %1 %% %a+ $& $1'],
    ['control characters and NUL', '\u0000\u0001\n\r\t\u001b[31m\u2028'],
    ['half a surrogate pair', 'a\ud800b'],
    ['a megabyte', MEGABYTE],
  ])('comes back unchanged: %s', async (_title, text) => {
    const changes = { service: text, openedBy: text, channelId: text };
    const { incident } = await open(changes, text);
    expect(incident).toMatchObject({ ...changes, id: 'M-1', state: 'triaging' });
    expect(await book.find('M-1')).toEqual(incident);
    expect(await book.request('M-1')).toEqual(aRequest(changes));
    expect(await open(changes)).toMatchObject({ joined: true, incident: { id: 'M-1' } });
    expect(await open(changes, text)).toMatchObject({ joined: false, incident: { id: 'M-1' } });
    expect(await book.openOf(text)).toEqual(incident);
  });
});

describe('the states of an incident', () => {
  it('goes from triaging to reported, and is closed by the next one of its service', async () => {
    await open();
    await book.saveReport('M-1', aReport({ incident: 'M-1', verdict: 'critical' }));
    expect(await book.openOf('checkout')).toMatchObject({ id: 'M-1', state: 'reported' });
    expect((await open()).incident.id).toBe('M-2');
    expect(await book.find('M-1')).toMatchObject({ state: 'closed' });
    expect(await book.openOf('checkout')).toMatchObject({ id: 'M-2', state: 'triaging' });
  });

  it('is closed at once by a healthy report', async () => {
    await open();
    await book.saveReport('M-1', aReport({ incident: 'M-1', verdict: 'healthy' }));
    expect(await book.find('M-1')).toMatchObject({ state: 'closed' });
    expect(await book.openOf('checkout')).toBeNull();
  });

  it('is closed by hand, and stays readable', async () => {
    await open();
    const report = aReport({ incident: 'M-1' });
    await book.saveReport('M-1', report);
    await book.close('M-1');
    expect(await book.openOf('checkout')).toBeNull();
    expect(JSON.parse((await book.reportJson('M-1')) ?? '')).toEqual(report);
  });

  it('does not come back to life when a late report is stored again', async () => {
    await open();
    await book.saveReport('M-1', aReport({ incident: 'M-1' }));
    await open();
    await book.saveReport('M-1', aReport({ incident: 'M-1' }));
    expect(await book.find('M-1')).toMatchObject({ state: 'closed' });
    expect(await book.openOf('checkout')).toMatchObject({ id: 'M-2' });
  });

  it('leaves no trace of an incident that never was', async () => {
    await book.close('M-77');
    await book.saveReport('M-78', aReport({ incident: 'M-78' }));
    expect(await book.find('M-77')).toBeNull();
    expect(await book.find('M-78')).toBeNull();
    expect(await book.recent(10)).toEqual([]);
  });

  it('is unknown before it is there', async () => {
    expect(await book.find('M-1')).toBeNull();
    expect(await book.request('M-1')).toBeNull();
    expect(await book.reportJson('M-1')).toBeNull();
    expect(await book.openOf('checkout')).toBeNull();
    expect(await book.recent(10)).toEqual([]);
    expect(await book.savedSteps('M-1')).toEqual([]);
  });
});

describe('the index', () => {
  it('tells the newest first, no more than asked, each with its present state', async () => {
    for (const service of ['a', 'b', 'c']) {
      nowMs += 1000;
      await open({ service });
    }
    await book.close('M-2');
    const recent = await book.recent(2);
    expect(recent.map(({ id, state }) => `${id} ${state}`)).toEqual(['M-3 triaging', 'M-2 closed']);
  });

  it('keeps the order of opening when several open in the same millisecond', async () => {
    for (let i = 0; i < 12; i += 1) await open({ service: `s${i}` });
    const ids = (await book.recent(3)).map(({ id }) => id);
    expect(ids).toEqual(['M-12', 'M-11', 'M-10']);
  });

  it('lets everything expire', async () => {
    await open({}, 'request-1');
    await book.saveStep('M-1', aStep());
    await book.saveReport('M-1', aReport({ incident: 'M-1' }));
    const client = redis.connect();
    const keys = await client.keys(`${prefix.replaceAll(/[{}]/g, '?')}*`);
    const lasting: string[] = [];
    for (const key of keys) if ((await client.ttl(key)) < 0) lasting.push(key.slice(prefix.length));
    // The counter must never begin again, and the index is bounded by its length.
    expect(lasting.sort()).toEqual([':incident-index', ':incident-seq']);
  });
});

describe('saved steps', () => {
  it('come back as they were saved, the last one of each name', async () => {
    await open();
    await book.saveStep('M-1', aStep());
    await book.saveStep('M-1', aStep({ step: 'note-2', kind: 'note' }));
    await book.saveStep('M-1', aStep({ note: 'again' }));
    const saved = await book.savedSteps('M-1');
    expect(saved.toSorted((a, b) => a.step.localeCompare(b.step))).toEqual([
      aStep({ note: 'again' }),
      aStep({ step: 'note-2', kind: 'note' }),
    ]);
    expect(await book.savedSteps('M-2')).toEqual([]);
  });

  it('that a later version wrote are done again instead of ending the triage', async () => {
    await open();
    await book.saveStep('M-1', aStep());
    await redis.connect().hset(`${prefix}:incident:M-1:steps`, 'snapshot', '{"of":"the future"}');
    expect((await book.savedSteps('M-1')).map(({ step }) => step)).toEqual(['capture']);
  });
});

function aStep(changes: Partial<StepResult> = {}): StepResult {
  return { step: 'capture', kind: 'capture', outcome: 'ok', seconds: 0.1, note: 'RSS 1', finding: null, ...changes };
}
