import { Queue, UnrecoverableError } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startEscalationWorker } from '../../src/adapters/bullmq/escalation-queue.ts';
import { createAlertBook } from '../../src/adapters/redis/alert-book.ts';
import { createAuditBook } from '../../src/adapters/redis/audit-book.ts';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import type { PressAnswer } from '../../src/adapters/slack/action-desk.ts';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { consider } from '../../src/desks/page-desk.ts';
import { pagerActions } from '../../src/desks/pager-actions.ts';
import { countOccurrence } from '../../src/incident/count-alerts.ts';
import { pagerPart } from '../../src/report/slack-pager.ts';
import { aRollback } from '../mitigation/a-rollback.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { aTeam, type Bot, CHANNEL, SATURDAY, startBot } from './paging-rig.ts';

const MINUTE = 60_000;
const WAIT = { timeout: 30_000, interval: 20 };
/** Friday noon in Los Angeles; the limit between Sunday 02:10 and 04:30. */
const FRIDAY = Date.parse('2026-11-20T20:00:00Z');
const SUNDAY_NIGHT = { low: (38 + 1 / 6) * 3600, estimate: 39 * 3600, high: 40.5 * 3600 };

let server: TestRedis;
let workspace: Workspace;
let prefix: string;
let bots: Bot[] = [];
let runs = 0;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => await server.close());
beforeEach(async () => {
  runs += 1;
  prefix = `{page${runs}}`;
  const users = [
    { id: 'U0ALICE', name: 'alice' },
    { id: 'U0BOB', name: 'bob' },
    { id: 'U0MALLORY', name: 'mallory' },
  ];
  const userGroups = [{ id: 'S0PAYONCALL', handle: 'pay-oncall', users: ['U0ALICE', 'U0BOB'] }];
  workspace = await startWorkspace({ users, userGroups });
});
afterEach(async () => {
  for (const bot of bots.splice(0)) await bot.close();
  await workspace.close();
});

async function startOne(options: Omit<Parameters<typeof startBot>[2], 'prefix'> = {}): Promise<Bot> {
  const bot = await startBot(server, workspace, { prefix, ...options });
  bots.push(bot);
  return bot;
}

const dms = (user: string): string[] => workspace.everPosted(`D${user.slice(1)}`).map(({ text }) => text);
const pages = (): string[] =>
  workspace.everPosted(CHANNEL).flatMap(({ text }) => /^📟 (.*?)[:;]/.exec(text)?.[1] ?? []);
const level = (at: number, round = 1) => ({ kind: 'level' as const, incidentId: 'M-1', round, level: at });

const at = (minutes: number): string => new Date(SATURDAY + minutes * MINUTE).toISOString();
const approved = aRollback({
  state: 'verifying',
  approvals: [{ userId: 'U0ALICE', at: at(1) }],
  proposedAt: at(0),
  expiresAt: at(15),
  reportedAt: at(0),
  act: { startedAt: at(1), endedAt: at(2), outcome: 'done', message: '' },
});

describe('a critical verdict at the weekend', () => {
  it('asks who is on call, the backup, and everybody; then says that nobody answered', async () => {
    const bot = await startOne();
    await bot.report({ verdict: 'critical' });
    await consider('M-1', bot);
    for (const at of [1, 2, 3, 4, 5]) {
      await bot.run(level(at));
      // Done again by a bot that took the job over: nothing is sent twice.
      await bot.run(level(at));
    }
    await vi.waitFor(
      () =>
        expect(pages()).toEqual([
          '<@U0BOB>',
          '<@U0ALICE>',
          'There is nobody for level 3 of the escalation',
          '<@U0BOB> <@U0ALICE>',
        ]),
      WAIT,
    );
    await vi.waitFor(() => expect([dms('U0BOB').length, dms('U0ALICE').length]).toEqual([2, 2]), WAIT);
    expect(dms('U0BOB')[0]).toMatch(
      /^checkout: memory of checkout is critical, about .* to its limit\.\n⏱ OOM .*\nYou are asked as level 1 .* Evidence: .*\nAcknowledge it .* before .* UTC, or somebody else is woken\.$/,
    );
    expect((await bot.pagers.find('M-1'))?.state).toBe('unanswered');
    const trail = await createAuditBook(server.connect(), prefix).list('M-1');
    expect(trail.map(({ what }) => what)).toEqual(['paged', 'paged', 'paged', 'paged', 'unanswered']);
  });

  it('asks all of a user group at once, then the approvers: there is no backup among them', async () => {
    const team = aTeam({ onCall: { source: 'userGroup', group: 'S0PAYONCALL' }, approvers: ['U0MALLORY'] });
    const bot = await startOne({ team });
    await bot.report({ verdict: 'critical' });
    await consider('M-1', bot);
    for (const at of [1, 2, 3, 4]) await bot.run(level(at));
    await vi.waitFor(
      () =>
        expect(pages()).toEqual([
          '<@U0ALICE> <@U0BOB>',
          'There is nobody for level 2 of the escalation',
          '<@U0MALLORY>',
          '<@U0ALICE> <@U0BOB> <@U0MALLORY>',
        ]),
      WAIT,
    );
    const pager = await bot.pagers.find('M-1');
    expect(pager?.onCall).toMatchObject({ primary: { userId: 'U0ALICE' }, others: [{ userId: 'U0BOB' }], until: null });
    if (pager === null) throw new Error('no pager');
    expect(pagerPart({ ...pager, state: 'paging' }).lines[0]).toMatch(/^👤 on call <@U0ALICE>, <@U0BOB> ·/);
  });

  it('asks nobody after an acknowledgement, not even for a page that waits to be sent', async () => {
    const bot = await startOne();
    await bot.report({ verdict: 'critical' });
    await consider('M-1', bot);
    await bot.run(level(1));
    await vi.waitFor(() => expect(dms('U0BOB')).toHaveLength(1), WAIT);
    // Slack holds both places up while level 2 is stored; the acknowledgement comes first.
    const held = ['D0ALICE', CHANNEL].map((channel) =>
      workspace.faults.add({ kind: 'rate-limit', retryAfterSeconds: 1, method: 'chat.postMessage', channel, times: 1 }),
    );
    await bot.run(level(2));
    await vi.waitFor(() => expect(held.map(({ struck }) => struck())).toEqual([1, 1]), WAIT);
    const answer = await pagerActions(bot).acknowledge.press(press('U0ALICE'));
    expect(answer).toMatchObject({ text: expect.stringContaining('You have `M-1` now') });
    await bot.run(level(3));
    await vi.waitFor(() => expect(workspace.everPosted(CHANNEL).at(-1)?.text).toContain('✋ <@U0ALICE> has it'), WAIT);
    const drained = new Queue('slack', { connection: server.connect(), prefix });
    await vi.waitFor(async () => expect(await drained.count()).toBe(0), WAIT);
    await drained.close();
    expect([dms('U0ALICE'), pages()]).toEqual([[], ['<@U0BOB>']]);
  });

  it('waits for whoever asked before anybody else is woken', async () => {
    const bot = await startOne();
    await bot.report({ verdict: 'critical' }, 'U0ALICE');
    await consider('M-1', bot);
    const pager = await bot.pagers.find('M-1');
    expect(pager).toMatchObject({ state: 'waiting', dueAt: new Date(SATURDAY + 5 * MINUTE).toISOString() });
    await pagerActions(bot).acknowledge.press(press('U0ALICE'));
    await bot.run(level(1));
    expect([dms('U0BOB'), pages()]).toEqual([[], []]);
  });
});

describe('a bot that dies while it pages', () => {
  it.each([1, 2, 3, 4])('after its %d. script leaves one page in the end', async (diesAfterScript) => {
    const first = await startOne();
    await first.report({ verdict: 'critical' });
    await consider('M-1', first);
    await vi.waitFor(() => expect(workspace.messages(CHANNEL)).toHaveLength(1), WAIT);
    first.die();
    const second = await startOne(
      diesAfterScript === 1 ? { diesAfterScript } : { death: { of: 'redis', call: diesAfterScript, moment: 'after' } },
    );
    void second.run(level(1)).catch(() => {});
    await vi.waitFor(() => expect(second.isDead() || dms('U0BOB').length === 1).toBe(true), WAIT);
    second.die();
    const third = await startOne();
    await third.run(level(1));
    await third.run({ kind: 'sweep' });
    await vi.waitFor(() => expect([dms('U0BOB').length, pages().length]).toEqual([1, 1]), WAIT);
  });

  it('or a Redis that lost its jobs stops no escalation: the sweep brings back what is due', async () => {
    const bot = await startOne();
    await bot.report({ verdict: 'critical' });
    await consider('M-1', bot);
    await bot.run(level(1));
    const queue = new Queue('escalation', { connection: server.connect(), prefix });
    await queue.obliterate({ force: true });
    await bot.run({ kind: 'sweep' });
    const jobs = await queue.getJobs(['delayed', 'waiting', 'prioritized']);
    expect(jobs.map(({ data }) => data.level).toSorted((a, b) => a - b)).toEqual([1, 2]);
    await queue.close();
  });
});

it('a page that could not be sent for so long that its job was given up is brought back by the sweep', async () => {
  const bot = await startOne();
  await bot.report({ verdict: 'critical' });
  await consider('M-1', bot);
  await bot.run(level(1));
  const queue = new Queue('escalation', { connection: server.connect(), prefix });
  const until = async (count: number) =>
    await vi.waitFor(async () => expect(await queue.getJobCountByTypes('waiting', 'delayed')).toBe(count), WAIT);
  await until(2);
  const worker = startEscalationWorker({
    connection: server.connect(),
    prefix,
    run: async () => await Promise.reject(new UnrecoverableError('Slack was away for long')),
    onError: () => {},
  });
  await until(0);
  await worker.close();
  await bot.run({ kind: 'sweep' });
  await until(2);
  await queue.close();
});

describe('a warning', () => {
  it('of Friday that would kill on Sunday is raised in the thread, once, and pages nobody', async () => {
    const bot = await startOne({ nowMs: FRIDAY });
    await bot.report({ verdict: 'warning', timeToLimitSeconds: SUNDAY_NIGHT });
    await consider('M-1', bot);
    await consider('M-1', bot);
    const raised = (): string[] =>
      workspace.everPosted(CHANNEL).flatMap(({ text }) => (text.startsWith('📣') ? [text] : []));
    await vi.waitFor(() => expect(raised()).toHaveLength(1), WAIT);
    expect(raised()[0]).toBe(
      '📣 <@U0BOB>: OOM Sun 02:10-04:30; staffed until Fri 18:00 and from Mon 09:00 on; decide before Fri 18:00. Next: decide while somebody is there to act; nobody is paged for this yet.',
    );
    expect([dms('U0BOB'), pages()]).toEqual([[], []]);
  });

  it('off-hours lets people sleep, and memory is looked at again at the last moment', async () => {
    const bot = await startOne({ nowMs: FRIDAY + 12 * 60 * MINUTE });
    await bot.report({
      verdict: 'warning',
      timeToLimitSeconds: { low: 20 * 3600, estimate: 22 * 3600, high: 30 * 3600 },
    });
    await consider('M-1', bot);
    expect((await bot.pagers.find('M-1'))?.state).toBe('quiet');
    const queue = new Queue('escalation', { connection: server.connect(), prefix });
    const [job] = await queue.getJobs(['delayed', 'waiting', 'prioritized']);
    await queue.close();
    expect(job?.data).toEqual({
      kind: 'recheck',
      incidentId: 'M-1',
      at: new Date(FRIDAY + (12 * 60 + 20 * 60 - 105) * MINUTE).toISOString(),
    });
    await bot.run(job?.data);
    expect((await bot.incidents.find('M-1'))?.state).toBe('triaging');
    expect(pages()).toEqual([]);
    // The new look says the same: now it is time.
    bot.setNow(FRIDAY + (12 * 60 + 20 * 60 - 104) * MINUTE);
    await bot.report({ verdict: 'warning', timeToLimitSeconds: { low: 6200, estimate: 7200, high: 9000 } });
    await consider('M-1', bot);
    expect((await bot.pagers.find('M-1'))?.state).toBe('paging');
  });

  it('off-hours pages at the last moment also when the look before it said the very same', async () => {
    const bot = await startOne({ nowMs: FRIDAY + 12 * 60 * MINUTE });
    const limitMs = FRIDAY + 32 * 60 * MINUTE + 40_000;
    const look = async (): Promise<void> => {
      const low = (limitMs - bot.now()) / 1000;
      const generatedAt = new Date(bot.now()).toISOString();
      await bot.report({
        verdict: 'warning',
        generatedAt,
        timeToLimitSeconds: { low, estimate: 2 * low, high: 3 * low },
      });
      await consider('M-1', bot);
    };
    await look();
    const queue = new Queue('escalation', { connection: server.connect(), prefix });
    const [job] = await queue.getJobs(['delayed', 'waiting', 'prioritized']);
    await queue.close();
    bot.setNow(Date.parse(job?.data.at));
    await bot.run(job?.data);
    bot.setNow(bot.now() + 20_000);
    await look();
    expect((await bot.pagers.find('M-1'))?.state).toBe('paging');
  });
});

function press(userId: string, version = 1) {
  return {
    actionId: 'acknowledge' as const,
    incidentId: 'M-1',
    version,
    userId,
    channelId: CHANNEL,
    messageTs: '1.1',
    threadTs: '1.1',
  };
}
const textOf = (answer: PressAnswer): string => (answer.kind === 'told' ? (answer.text ?? '') : 'a modal');

describe('those who hold it', () => {
  async function paged(): Promise<Bot> {
    const bot = await startOne({ team: aTeam({ approvers: ['S0LEADS'] }) });
    await bot.report({ verdict: 'critical' });
    await consider('M-1', bot);
    await bot.run(level(1));
    return bot;
  }

  it('are on call; strangers are refused, and so is the second one', async () => {
    const bot = await paged();
    const { acknowledge } = pagerActions(bot);
    expect(textOf(await acknowledge.press(press('U0MALLORY')))).toMatch(
      /^⛔ Only those on call for payments .* Ask <@U0BOB>/,
    );
    expect(textOf(await acknowledge.press(press('U0BOB', 7)))).toContain('belongs to an earlier page');
    const both = await Promise.all([acknowledge.press(press('U0BOB')), acknowledge.press(press('U0ALICE'))]);
    const texts = both.map(textOf).toSorted((a, b) => a.localeCompare(b));
    expect(texts.filter((text) => text.includes('You have `M-1` now'))).toHaveLength(1);
    expect(texts.filter((text) => / has it since /.test(text))).toHaveLength(1);
  });

  it('hand over with a note that can do no harm, and the other one is told in person', async () => {
    const bot = await paged();
    const actions = pagerActions(bot);
    await actions.acknowledge.press(press('U0BOB'));
    expect(textOf(await actions.hand_over.press(press('U0ALICE')))).toContain('<@U0BOB> has it since');
    const sent = { ...press('U0BOB'), values: { to: 'U0ALICE', note: '<!channel> wait for `v813`' } };
    expect(await actions.hand_over.submit?.(sent)).toBe('🤝 <@U0ALICE> has `M-1` now.');
    await vi.waitFor(() => expect(dms('U0ALICE')).toHaveLength(1), WAIT);
    expect(dms('U0ALICE')[0]).toContain("<@U0BOB> handed it over to <@U0ALICE>: &lt;!channel&gt; wait for 'v813'");
    expect((await bot.pagers.find('M-1'))?.holder?.userId).toBe('U0ALICE');
  });

  it('are told in the thread, once, that it became worse; nobody is paged', async () => {
    const bot = await paged();
    await pagerActions(bot).acknowledge.press(press('U0BOB'));
    const kill = {
      key: 'k1',
      fingerprint: 'f1',
      source: 'collector',
      kind: 'oom' as const,
      name: 'OOM kill',
      summary: '',
      instance: null,
      startsAt: new Date(SATURDAY).toISOString(),
    };
    await createAlertBook(server.connect(), prefix).change('M-1', (before) => ({
      tally: countOccurrence(before, kill, { nowMs: SATURDAY, isOver: false }),
      looksAgain: false,
    }));
    await consider('M-1', bot);
    await consider('M-1', bot);
    const worse = (): string[] =>
      workspace.everPosted(CHANNEL).flatMap(({ text }) => (/being killed/.test(text) ? [text] : []));
    await vi.waitFor(() => expect(worse()).toHaveLength(1), WAIT);
    expect(worse()[0]).toContain('✋ <@U0BOB>: checkout is being killed for memory now. You have it');
    expect((await bot.pagers.find('M-1'))?.state).toBe('held');
  });

  it('are those who decided on the rollback, from that very moment: the bot may die before the pager hears of it', async () => {
    const bot = await paged();
    const books = createRollbackBook(server.connect(), prefix);
    await books.change('M-1', () => ({ after: { ...approved, state: 'proposed', approvals: [] }, audit: [] }));
    bot.setNow(SATURDAY + MINUTE);
    // What waits in the outbox is not begun any more, and the level that is due asks nobody.
    const calledOff = bot.pagers.calledOffKey('M-1', 1);
    expect(await server.connect().exists(calledOff)).toBe(0);
    await books.change('M-1', () => ({ after: { ...approved, state: 'approved', act: null }, audit: [] }));
    expect(await server.connect().exists(calledOff)).toBe(1);
    await bot.run(level(2));
    expect(await bot.pagers.find('M-1')).toMatchObject({ state: 'held', level: 1, holder: { userId: 'U0ALICE' } });
    expect(dms('U0ALICE')).toEqual([]);
  });

  it('are persons: a rollback that starts by itself keeps nobody from being asked', async () => {
    const bot = await paged();
    const books = createRollbackBook(server.connect(), prefix);
    await books.change('M-1', () => ({ after: { ...approved, state: 'blocked', approvals: [] }, audit: [] }));
    const at = new Date(SATURDAY + MINUTE).toISOString();
    const alone = { ...approved, state: 'approved' as const, act: null, approvals: [{ userId: 'memtriage', at }] };
    await books.change('M-1', () => ({ after: alone, audit: [] }));
    expect(await server.connect().exists(bot.pagers.calledOffKey('M-1', 1))).toBe(0);
    bot.setNow(SATURDAY + 2 * MINUTE);
    await bot.run(level(2));
    expect(await bot.pagers.find('M-1')).toMatchObject({ state: 'paging', level: 2, holder: null });
  });

  it('are not asked again for a rollback that had failed before they took it', async () => {
    const bot = await paged();
    const books = createRollbackBook(server.connect(), prefix);
    const before = new Date(SATURDAY - MINUTE).toISOString();
    const failed = { ...approved, state: 'failed' as const, approvals: [{ userId: 'U0ALICE', at: before }] };
    await books.change('M-1', () => ({ after: failed, audit: [] }));
    await consider('M-1', bot);
    await pagerActions(bot).acknowledge.press(press('U0BOB'));
    await consider('M-1', bot);
    expect(await bot.pagers.find('M-1')).toMatchObject({ state: 'held', round: 1, holder: { userId: 'U0BOB' } });
  });

  it.each([
    ['not-recovered', 'did not help'],
    ['unproven', 'was done, and nobody can tell whether it helped'],
  ] as const)(
    'are those who decided on the rollback; when it is %s, who is on call is asked anew, once',
    async (state, how) => {
      const bot = await paged();
      const books = createRollbackBook(server.connect(), prefix);
      await books.change('M-1', () => ({ after: approved, audit: [] }));
      bot.setNow(SATURDAY + MINUTE);
      await consider('M-1', bot);
      expect(await bot.pagers.find('M-1')).toMatchObject({ state: 'held', holder: { userId: 'U0ALICE' } });
      const failed = { ...approved, state };
      await books.change('M-1', () => ({ after: failed, audit: [] }));
      bot.setNow(SATURDAY + 30 * MINUTE);
      await consider('M-1', bot);
      await consider('M-1', bot);
      await bot.run(level(1, 2));
      await vi.waitFor(() => expect(dms('U0BOB')).toHaveLength(2), WAIT);
      expect(dms('U0BOB')[1]).toContain(`the rollback of checkout from v2 to v1 ${how}`);
      expect(await bot.pagers.find('M-1')).toMatchObject({ state: 'paging', round: 2, level: 1 });
    },
  );

  it('snooze it, until it becomes worse', async () => {
    const bot = await paged();
    const actions = pagerActions(bot);
    await actions.acknowledge.press(press('U0BOB'));
    expect(textOf(await actions.snooze.press(press('U0BOB')))).toBe('a modal');
    const sent = { ...press('U0BOB'), values: { until: '2h' } };
    expect(await actions.snooze.submit?.(sent)).toContain('💤 Snoozed until');
    expect(await actions.snooze.submit?.({ ...sent, values: { until: '99y' } })).toContain('nothing was done');
    await bot.run({
      kind: 'wake',
      incidentId: 'M-1',
      round: 1,
      until: new Date(SATURDAY + 120 * MINUTE).toISOString(),
    });
    expect((await bot.pagers.find('M-1'))?.state).toBe('snoozed');
    bot.setNow(SATURDAY + 121 * MINUTE);
    await bot.run({
      kind: 'wake',
      incidentId: 'M-1',
      round: 1,
      until: new Date(SATURDAY + 120 * MINUTE).toISOString(),
    });
    expect(await bot.pagers.find('M-1')).toMatchObject({ state: 'paging', round: 2 });
  });
});
