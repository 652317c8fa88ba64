import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import type { AlertTally } from '../../src/incident/alert-tally.ts';
import { countOccurrence } from '../../src/incident/count-alerts.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { FAST, type Replica, startReplica } from './outbox-rig.ts';
import { anIncident, aProgress, aReport } from './reports.ts';

const CHANNEL = 'C0PAY';
const REPLIES = 4;

/** The machine may be busy; on an idle one it takes milliseconds. */
const PATIENTLY = { timeout: 15_000, interval: 20 };

let redis: TestRedis;
let workspace: Workspace;
let prefix: string;
const replicas: Replica[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.close();
});
beforeEach(async () => {
  workspace = await startWorkspace();
  prefix = `{${randomUUID()}}`;
});
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.close()));
  await workspace.close();
});

async function start(options: Partial<Parameters<typeof startReplica>[2]> = {}): Promise<Replica> {
  const replica = await startReplica(redis, workspace, { prefix, ...options });
  replicas.push(replica);
  return replica;
}

function textOf(index: number): string {
  return workspace.messages(CHANNEL)[index]?.text ?? '';
}

async function reportIsComplete(): Promise<void> {
  await vi.waitFor(
    () => {
      expect(workspace.messages(CHANNEL)).toHaveLength(1);
      expect(textOf(0)).toContain('ROLL BACK recommended');
      const root = workspace.messages(CHANNEL)[0];
      expect(workspace.thread(CHANNEL, root?.ts ?? '')).toHaveLength(1 + REPLIES);
    },
    { timeout: 15_000, interval: 20 },
  );
}

/** Messages that stand there more than once. */
function repeated(): string[] {
  const keys = workspace.everPosted(CHANNEL).map(({ metadata }) => JSON.stringify(metadata?.event_payload['message']));
  return keys.filter((key, i) => keys.indexOf(key) !== i);
}

test('the root stands at once, shows the steps, and becomes the report with its evidence below', async () => {
  const { outbox } = await start();
  await outbox.showProgress(anIncident(), aProgress());
  await vi.waitFor(() => expect(textOf(0)).toContain('checkout: triage running, 1 of 4 steps done'), PATIENTLY);
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  expect(repeated()).toEqual([]);
});

test('a report that is published twice stands there once', async () => {
  const { outbox } = await start();
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  const calls = workspace.calls().length;
  await outbox.publishReport(anIncident(), aReport());
  await outbox.showProgress(anIncident(), aProgress());
  await outbox.publishReport(anIncident({ id: 'M-13' }), aReport({ incident: 'M-13' }));
  await vi.waitFor(() => expect(workspace.everPosted(CHANNEL)).toHaveLength(2 * (1 + REPLIES)), PATIENTLY);
  expect(workspace.calls().length - calls).toBe(1 + REPLIES);
  expect(textOf(0)).toContain('ROLL BACK');
});

test('progress that nobody saw is left out: only the newest is sent', async () => {
  const { outbox } = await start();
  await outbox.showProgress(anIncident(), aProgress());
  await vi.waitFor(() => expect(workspace.messages(CHANNEL)).toHaveLength(1), PATIENTLY);
  for (let i = 0; i < 50; i += 1) {
    const steps = [{ step: `look ${i}`, state: 'running' as const, note: '' }];
    await outbox.showProgress(anIncident(), aProgress({ steps }));
  }
  await vi.waitFor(() => expect(textOf(0)).toContain('look 49'), PATIENTLY);
  expect(workspace.calls().filter(({ method }) => method === 'chat.update').length).toBeLessThan(20);
});

const LOSSES = ['drop-after', 'drop-before', 'http-500', 'http-503'] as const;

test.each(LOSSES)('a root whose post ends in %s stands there exactly once', async (kind) => {
  const { outbox } = await start();
  const fault = workspace.faults.add({
    method: 'chat.postMessage',
    kind,
    times: 2,
    when: ({ thread_ts: thread }) => !thread,
  });
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  expect(fault.struck()).toBeGreaterThan(0);
  expect(repeated()).toEqual([]);
});

test.each(LOSSES)('replies whose posts end in %s stand there exactly once', async (kind) => {
  const { outbox } = await start();
  const fault = workspace.faults.add({
    method: 'chat.postMessage',
    kind,
    times: 3,
    when: ({ thread_ts: thread }) => Boolean(thread),
  });
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  expect(fault.struck()).toBe(3);
  expect(repeated()).toEqual([]);
});

test('an error of Slack itself is a lost answer: looked for in a moment, not told as a refusal', async () => {
  const { outbox } = await start();
  workspace.faults.add({ method: 'chat.postMessage', kind: 'platform-error', error: 'internal_error', times: 2 });
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  expect(workspace.calls().some(({ method }) => method === 'conversations.history')).toBe(true);
  expect(repeated()).toEqual([]);
});

test('an answer that comes after the deadline does not post the root twice', async () => {
  const { outbox } = await start();
  workspace.faults.add({ method: 'chat.postMessage', kind: 'slow', ms: 320, times: 1 });
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  expect(repeated()).toEqual([]);
});

test('an edit that Slack does after its deadline is not the last one: the newer state stands', async () => {
  const { outbox } = await start({ limits: { ...FAST, settleMs: 600 } });
  await outbox.showProgress(anIncident(), aProgress());
  await vi.waitFor(() => expect(workspace.messages(CHANNEL)).toHaveLength(1), PATIENTLY);
  const late = workspace.faults.add({ method: 'chat.update', kind: 'slow', ms: 400, times: 1 });
  await outbox.publishReport(anIncident(), aReport());
  await vi.waitFor(() => expect(late.struck()).toBe(1), PATIENTLY);
  const newer = { ...aReport(), recommendation: { ...aReport().recommendation, reasons: ['The newer state'] } };
  await outbox.publishReport(anIncident(), newer);
  await vi.waitFor(
    () => expect(workspace.calls().filter(({ method }) => method === 'chat.update').length).toBeGreaterThan(1),
    {
      timeout: 10_000,
    },
  );
  expect(textOf(0)).toContain('The newer state');
});

test('a rate limit stops its own channel only, for as long as Slack asked', async () => {
  const { outbox } = await start();
  workspace.faults.add({ channel: 'C0ONCALL', kind: 'rate-limit', retryAfterSeconds: 1, times: 1 });
  const asked = Date.now();
  await outbox.publishReport(anIncident({ id: 'M-1', channelId: 'C0ONCALL' }), aReport());
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  expect(Date.now() - asked).toBeLessThan(900);
  expect(workspace.messages('C0ONCALL')).toHaveLength(0);
  await vi.waitFor(() => expect(workspace.messages('C0ONCALL')).toHaveLength(1), { timeout: 5000 });
  const [limited, second] = workspace.calls().filter(({ channel }) => channel === 'C0ONCALL');
  expect((second?.at ?? 0) - (limited?.at ?? 0)).toBeGreaterThanOrEqual(990);
});

test('a root that a person deleted is posted anew with everything below it', async () => {
  const { outbox } = await start();
  await outbox.showProgress(anIncident(), aProgress());
  await vi.waitFor(() => expect(workspace.messages(CHANNEL)).toHaveLength(1), PATIENTLY);
  workspace.deleteMessage({ channel: CHANNEL, ts: workspace.messages(CHANNEL)[0]?.ts ?? '' });
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
});

test('a root that Slack takes no reply to, and says so each time, is not posted for ever', async () => {
  const { outbox } = await start({ limits: { ...FAST, refusedMs: 60_000 } });
  const ofFirst = (args: Record<string, unknown>) => JSON.stringify(args['metadata']).includes('M-12');
  workspace.faults.add({
    method: 'chat.postMessage',
    kind: 'platform-error',
    error: 'cannot_reply_to_message',
    when: (args) => ofFirst(args) && args['thread_ts'] !== undefined,
  });
  await outbox.publishReport(anIncident(), aReport());
  await outbox.publishReport(anIncident({ id: 'M-13' }), aReport({ incident: 'M-13' }));
  const postedOf = (id: string) =>
    workspace.everPosted(CHANNEL).filter(({ metadata }) => metadata?.event_payload['incident'] === id);
  await vi.waitFor(() => expect(postedOf('M-13')).toHaveLength(1 + REPLIES), PATIENTLY);
  expect(postedOf('M-12').length).toBeLessThanOrEqual(4);
});

test('a reply that a person deleted stays deleted when the report is told again with other words', async () => {
  const { outbox } = await start();
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  const reply = workspace.everPosted(CHANNEL).at(1);
  workspace.deleteMessage({ channel: CHANNEL, ts: reply?.ts ?? '' });
  const steps = [{ step: 'capture', outcome: 'ok' as const, seconds: 9, note: 'measured again' }];
  await outbox.publishReport(anIncident(), aReport({ steps, verdict: 'warning', checks: [] }));
  await vi.waitFor(
    () => expect(workspace.calls().some(({ error }) => error === 'message_not_found')).toBe(true),
    PATIENTLY,
  );
  await outbox.publishReport(anIncident({ id: 'M-13' }), aReport({ incident: 'M-13' }));
  await vi.waitFor(() => expect(workspace.messages(CHANNEL)).toHaveLength(2), PATIENTLY);
  expect(workspace.everPosted(CHANNEL).filter(({ ts }) => ts === reply?.ts)).toMatchObject([{ deleted: true }]);
  expect(workspace.messages(CHANNEL)[0]?.metadata?.event_payload['generation']).toBe(0);
});

test('a channel that the bot was not invited to gets its thread once it was', async () => {
  workspace.setMember(CHANNEL, false);
  const { outbox } = await start();
  await outbox.publishReport(anIncident(), aReport());
  await vi.waitFor(
    () => expect(workspace.calls().some(({ error }) => error === 'not_in_channel')).toBe(true),
    PATIENTLY,
  );
  workspace.setMember(CHANNEL, true);
  await reportIsComplete();
});

test('a thread that Slack refuses for a reason of its own waits by itself: the others of its channel go on', async () => {
  const { outbox } = await start({ limits: { ...FAST, refusedMs: 60_000 } });
  const locked = workspace.faults.add({
    method: 'chat.postMessage',
    kind: 'platform-error',
    error: 'restricted_action_thread_locked',
    when: ({ thread_ts: thread }) => Boolean(thread) && thread === workspace.messages(CHANNEL)[0]?.ts,
  });
  await outbox.publishReport(anIncident(), aReport());
  await vi.waitFor(() => expect(locked.struck()).toBe(1), PATIENTLY);
  await outbox.publishReport(anIncident({ id: 'M-13' }), aReport({ incident: 'M-13' }));
  await vi.waitFor(() => expect(workspace.everPosted(CHANNEL)).toHaveLength(2 + REPLIES), PATIENTLY);
  expect(locked.struck()).toBe(1);
});

test('blocks that Slack refuses are left out, and the text arrives', async () => {
  const { outbox } = await start();
  workspace.faults.add({ method: 'chat.postMessage', kind: 'platform-error', error: 'invalid_blocks', times: 1 });
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  expect(workspace.messages(CHANNEL)[0]?.blocks).toHaveLength(0);
});

test('where history may not be read, a lost answer is accepted and everything else still arrives', async () => {
  const { outbox } = await start();
  workspace.faults.add({ method: 'chat.postMessage', kind: 'drop-before', times: 1 });
  workspace.faults.add({ method: 'conversations.history', kind: 'platform-error', error: 'missing_scope', times: 1 });
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  expect(workspace.calls().filter(({ error }) => error === 'missing_scope')).toHaveLength(1);
});

test('where messages cannot be edited any more, the report follows as a reply', async () => {
  const { outbox } = await start();
  await outbox.showProgress(anIncident(), aProgress());
  await vi.waitFor(() => expect(workspace.messages(CHANNEL)).toHaveLength(1), PATIENTLY);
  workspace.faults.add({ method: 'chat.update', kind: 'platform-error', error: 'edit_window_closed', times: 9 });
  await outbox.publishReport(anIncident(), aReport());
  await vi.waitFor(() => {
    const replies = workspace.everPosted(CHANNEL).filter(({ threadTs }) => threadTs !== null);
    expect(replies.map(({ text }) => text).join()).toContain('ROLL BACK recommended');
    expect(replies).toHaveLength(REPLIES + 1);
  });
});

test('an umbrella whose services all have threads of their own has a root, and is changed like any other', async () => {
  const { outbox } = await start();
  const at = '2026-11-22T10:00:00.000Z';
  const known = { addressOf: () => null, pagerOf: () => null };
  const child = (n: number) => ({
    incident: `M-${n}`,
    service: `service-${n}`,
    team: null,
    kills: 1,
    firstKillAt: at,
    lastKillAt: at,
    node: 'ip-10-1',
    state: 'triaging' as const,
    quietSince: null,
    silencedUntil: null,
    report: null,
    hasThread: true,
  });
  const umbrella = { schema: 1 as const, id: 'U-1', channelId: CHANNEL, openedAt: at, heardAt: at, endedAt: null };
  await outbox.showUmbrella({ ...umbrella, children: [child(1), child(2), child(3)], pages: [] }, known);
  await vi.waitFor(() => expect(textOf(0)).toContain('OOM kills of 3 services'), PATIENTLY);
  await outbox.showUmbrella({ ...umbrella, endedAt: at, children: [child(1), child(2), child(3)], pages: [] }, known);
  await vi.waitFor(() => expect(textOf(0)).toContain('No further kill since'), PATIENTLY);
});

test('two replicas deliver a hundred incidents once each', async () => {
  const [first, second] = await Promise.all([start(), start()]);
  const ids = Array.from({ length: 100 }, (_, i) => `M-${i + 1}`);
  await Promise.all(
    ids.map((id, i) =>
      (i % 2 === 0 ? first : second).outbox.publishReport(
        anIncident({ id }),
        aReport({ incident: id, snapshot: null, checks: [] }),
      ),
    ),
  );
  await vi.waitFor(() => expect(workspace.everPosted(CHANNEL)).toHaveLength(200), { timeout: 30_000 });
  const roots = workspace.messages(CHANNEL).map(({ metadata }) => String(metadata?.event_payload['incident']));
  expect(roots.toSorted()).toEqual(ids.toSorted());
});

test('the thread tells where it stands', async () => {
  const { outbox } = await start();
  expect(await outbox.permalink('M-12')).toBeNull();
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  const root = workspace.messages(CHANNEL)[0];
  expect(await outbox.findThread('M-12')).toEqual({ channelId: CHANNEL, rootTs: root?.ts });
  expect(await outbox.permalink('M-12')).toContain(`/archives/${CHANNEL}/p`);
});

test('verdicts and new threads go before progress when a channel has more to say than it may', async () => {
  const { outbox } = await start({ limits: { ...FAST, postEveryMs: 100 } });
  const ids = Array.from({ length: 10 }, (_, i) => `M-${i + 1}`);
  await Promise.all(ids.map((id) => outbox.showProgress(anIncident({ id }), aProgress({ incident: id }))));
  await outbox.publishReport(anIncident({ id: 'M-99' }), aReport({ incident: 'M-99' }));
  await vi.waitFor(() => expect(workspace.messages(CHANNEL)).toHaveLength(11), { timeout: 10_000 });
  const roots = workspace.messages(CHANNEL).map(({ metadata }) => metadata?.event_payload['incident']);
  expect(roots.indexOf('M-99')).toBeLessThan(3);
  const firstReply = workspace.everPosted(CHANNEL).findIndex(({ threadTs }) => threadTs !== null);
  expect(firstReply === -1 || firstReply >= 11).toBe(true);
});

test('a first OOM kill is shown at once where ordinary edits have used up their turns; a further one waits like them', async () => {
  const edits = { everyMs: 60_000, burst: 4, forReports: 3, forKills: 2 };
  const { outbox } = await start({ limits: { ...FAST, edits } });
  const ids = ['M-1', 'M-2', 'M-3', 'M-4'];
  for (const id of ids) await outbox.showProgress(anIncident({ id }), aProgress({ incident: id }));
  await vi.waitFor(() => expect(workspace.messages(CHANNEL)).toHaveLength(4), PATIENTLY);
  const bare = { snapshot: null, checks: [] };
  for (const id of ids) await outbox.publishReport(anIncident({ id }), aReport({ incident: id, ...bare }));
  const shown = (words: string) => workspace.messages(CHANNEL).filter(({ text }) => text.includes(words)).length;
  await vi.waitFor(() => expect(shown('ROLL BACK')).toBe(2), PATIENTLY);
  // The channel rests until the third report has its turn (BullMQ's score: milliseconds x 4096).
  const client = redis.connect();
  await vi.waitFor(async () => {
    const [, score = '0'] = await client.zrange(`${prefix}:slack:delayed`, '0', '0', 'WITHSCORES');
    expect(Number(score) / 4096 - Date.now()).toBeGreaterThan(20_000);
  }, PATIENTLY);
  const told = { source: 'Alertmanager', kind: 'oom' as const, name: 'OOMKilled', summary: '', instance: 'pod-1' };
  const killed = (key: string, before: AlertTally | null) => {
    const occurrence = { ...told, key, fingerprint: null, startsAt: '2026-11-22T10:00:00Z' };
    return countOccurrence(before, occurrence, { nowMs: Date.parse('2026-11-22T10:00:01Z'), isOver: false });
  };
  const alerts = killed('first', null);
  for (const id of ['M-3', 'M-4'])
    await outbox.publishReport(anIncident({ id, alerts }), aReport({ incident: id, ...bare }));
  await vi.waitFor(() => expect(shown('OOM kill ×1')).toBe(2), PATIENTLY);
  const again = killed('second', alerts);
  await outbox.publishReport(anIncident({ id: 'M-3', alerts: again }), aReport({ incident: 'M-3', ...bare }));
  // What comes later is done: the further kill had its chance, and waits.
  await outbox.post('later', CHANNEL, { text: 'later', blocks: [] });
  await vi.waitFor(() => expect(shown('later')).toBe(1), PATIENTLY);
  expect(shown('OOM kill ×2')).toBe(0);
});

test('two messages of one channel are a second apart by the real limits, and Slack never has to say no', async () => {
  const strict = await startWorkspace({ enforceRateLimits: true });
  const replica = await startReplica(redis, strict, { prefix, limits: {} });
  replicas.push(replica);
  await replica.outbox.publishReport(anIncident(), aReport());
  await vi.waitFor(() => expect(strict.everPosted(CHANNEL)).toHaveLength(1 + REPLIES), { timeout: 15_000 });
  const posts = strict.calls().filter(({ method }) => method === 'chat.postMessage');
  const gaps = posts.slice(1).map(({ at }, i) => at - (posts[i]?.at ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000);
  expect(strict.calls().every(({ status }) => status === 200)).toBe(true);
  await replica.worker.close();
  await strict.close();
});

test('turns that were taken by a clock that has gone back since do not stop the channel', async () => {
  const client = redis.connect();
  const inAnHour = Date.now() + 3_600_000;
  for (const key of [`gap:${CHANNEL}`, 'edits']) await client.set(`${prefix}:outbox:${key}`, inAnHour);
  const { outbox } = await start();
  await outbox.showProgress(anIncident(), aProgress());
  await vi.waitFor(() => expect(textOf(0)).toContain('triage running'), PATIENTLY);
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
});

test('nothing is kept for ever: every key of a quiet thread expires', async () => {
  const { outbox } = await start();
  await outbox.showProgress(anIncident(), aProgress());
  await outbox.publishReport(anIncident(), aReport());
  await reportIsComplete();
  const client = redis.connect();
  const isQuiet = async () => expect(await client.exists(`${prefix}:outbox:channels`)).toBe(0);
  await vi.waitFor(isQuiet);
  for (const key of await client.keys(`${prefix}:outbox:*`)) {
    expect({ key, ttl: await client.pttl(key) }).toEqual({ key, ttl: expect.toSatisfy((ttl: number) => ttl > 0) });
  }
});

test('messages of others in the channel do not confuse the search for a lost one', async () => {
  const { outbox } = await start();
  for (let i = 0; i < 250; i += 1) workspace.say({ user: 'U0ALICE', channel: CHANNEL, text: `chatter ${i}` });
  workspace.faults.add({ method: 'chat.postMessage', kind: 'drop-after', times: 1 });
  await outbox.publishReport(anIncident(), aReport());
  await vi.waitFor(() => expect(ours()).toHaveLength(1 + REPLIES), { timeout: 10_000 });
  expect(ours().filter(({ threadTs }) => threadTs === null)).toHaveLength(1);
});

function ours() {
  return workspace.everPosted(CHANNEL).filter(({ isBot }) => isBot);
}
