import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { isFirstSeen } from '../../src/adapters/redis/first-seen.ts';
import type { ActionDesk, Press, PressAnswer, Submission } from '../../src/adapters/slack/action-desk.ts';
import { createDirectMessages } from '../../src/adapters/slack/direct-messages.ts';
import { type SlackApp, startSlackApp } from '../../src/adapters/slack/slack-app.ts';
import { createSlackWeb } from '../../src/adapters/slack/slack-web.ts';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { type RootPart, withState } from '../../src/report/slack-buttons.ts';
import { renderReportRoot } from '../../src/report/slack-root.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { NO_COMMANDS } from './no-commands.ts';
import { silent } from './outbox-rig.ts';
import { anIncident, aReport } from './reports.ts';

const CHANNEL = 'C0PAY';
const BUTTONS: RootPart = {
  head: null,
  lines: ['Next: an approver decides.'],
  buttons: [
    { action: 'decline_rollback', version: 3 },
    { action: 'approve_rollback', version: 3, confirm: { title: 'Roll back?', text: 'v812 → v811', yes: 'Roll back' } },
  ],
};

/** Writes down what reached it, answers what the test tells it to. */
class Desk implements ActionDesk {
  readonly presses: Press[] = [];
  readonly submissions: Submission[] = [];
  answer: (press: Press) => Promise<PressAnswer> = async () => ({ kind: 'told', text: 'pressed' });
  press = async (press: Press) => {
    this.presses.push(press);
    return await this.answer(press);
  };
  submit = async (submission: Submission) => {
    this.submissions.push(submission);
    return 'sent';
  };
}

let redis: TestRedis;
let workspace: Workspace;
let desk: Desk;
let app: SlackApp;
let rootTs: string;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => await redis.close());

beforeEach(async () => {
  workspace = await startWorkspace();
  desk = new Desk();
  const common = { botToken: workspace.botToken, slackApiUrl: workspace.apiUrl, logger: silent };
  const web = createSlackWeb(common);
  const client = redis.connect();
  app = await startSlackApp({
    ...common,
    appToken: workspace.appToken,
    signingSecret: null,
    port: null,
    desk: NO_COMMANDS,
    actions: desk,
    isFirst: async (id) => await isFirstSeen(client, '{actions}', id),
    web,
    signal: new AbortController().signal,
  });
  const root = withState(anIncident(), [BUTTONS], renderReportRoot(aReport(), { requestedBy: 'U0ALICE', link: null }));
  await web.call('chat.postMessage', { channel: CHANNEL, text: root.text, blocks: root.blocks });
  rootTs = workspace.messages(CHANNEL)[0]?.ts ?? '';
});
afterEach(async () => {
  await app.close();
  await workspace.close();
});

const press = async (changes: { value?: string; actionId?: string } = {}) =>
  await workspace.press({
    user: 'U0BOB',
    channel: CHANNEL,
    messageTs: rootTs,
    actionId: 'approve_rollback',
    ...changes,
  });

/** What Bob was told and nobody else saw. */
const told = () => workspace.ephemerals('U0BOB').map(({ text }) => text);

describe('a press', () => {
  test('reaches the desk with who pressed what on which state, and is answered to that person in the thread', async () => {
    expect(await press()).toMatchObject({ acked: true });
    await vi.waitFor(() => expect(told()).toEqual(['pressed']));
    expect(workspace.ephemerals('U0BOB')[0]?.threadTs).toBe(rootTs);
    expect(desk.presses).toEqual([
      {
        actionId: 'approve_rollback',
        incidentId: 'M-12',
        version: 3,
        userId: 'U0BOB',
        channelId: CHANNEL,
        messageTs: rootTs,
        threadTs: rootTs,
      },
    ]);
  });

  test('in a direct message is answered beside it: in a thread that nobody began, Slack would show nothing', async () => {
    const web = createSlackWeb({ botToken: workspace.botToken, slackApiUrl: workspace.apiUrl, logger: silent });
    const opened = await createDirectMessages(web).channelOf('U0BOB');
    const channel = opened.outcome === 'ok' ? opened.value : '';
    const page = withState(
      anIncident(),
      [BUTTONS],
      renderReportRoot(aReport(), { requestedBy: 'U0ALICE', link: null }),
    );
    await web.call('chat.postMessage', { channel, text: page.text, blocks: page.blocks });
    const messageTs = workspace.messages(channel)[0]?.ts ?? '';
    await workspace.press({ user: 'U0BOB', channel, messageTs, actionId: 'approve_rollback' });
    await vi.waitFor(() => expect(told()).toEqual(['pressed']));
    expect(workspace.ephemerals('U0BOB')[0]).toMatchObject({ channel, threadTs: null });
  });

  test('is taken once when Slack delivers it again', async () => {
    await press();
    await workspace.redeliver({ type: 'interactive' });
    await press();
    await vi.waitFor(() => expect(told()).toEqual(['pressed', 'pressed']));
    expect(desk.presses).toHaveLength(2);
  });

  test.each([
    '{"c":"M-12"}',
    '{"c":"M-12","v":-1}',
    '{"c":"../M-12","v":3}',
    '{"c":"M-12","v":"3"}',
    'no json <!channel>',
  ])('with the forged value %s reaches nobody', async (value) => {
    expect(await press({ value })).toMatchObject({ acked: true });
    await press();
    await vi.waitFor(() => expect(told()).toEqual(['pressed']));
    expect(desk.presses).toHaveLength(1);
  });

  test('that the desk fails is told, and what failed is escaped', async () => {
    desk.answer = async () => await Promise.reject(new Error('Redis <!channel> is away'));
    await press();
    await vi.waitFor(() => expect(told()[0]).toContain("I can't answer right now (Redis &lt;!channel&gt; is away)"));
  });

  test('without Redis reaches no desk, and says so', async () => {
    await redis.kill();
    try {
      await press();
      await vi.waitFor(() => expect(told()[0]).toContain("I can't answer right now"), { timeout: 10_000 });
      expect(desk.presses).toEqual([]);
    } finally {
      await redis.start();
    }
  });
});

describe('a modal', () => {
  beforeEach(() => {
    desk.answer = async () => ({
      kind: 'modal',
      modal: {
        title: 'Decline the rollback of a long name',
        submit: 'Decline',
        lines: ['*checkout* v812 → v811'],
        fields: [
          { kind: 'choice', id: 'reason', label: 'Reason', options: [{ value: 'wait', label: 'Wait' }] },
          { kind: 'text', id: 'note', label: 'Note', isOptional: true },
          { kind: 'user', id: 'to', label: 'To whom' },
        ],
      },
    });
  });

  test('opens from a press and brings back what was put in, with the press that it came from', async () => {
    await press({ actionId: 'decline_rollback' });
    await vi.waitFor(() => expect(workspace.modal('U0BOB')).not.toBeNull());
    const values = { reason: 'wait', note: 'it is <@U0ALICE> & co', to: 'U0ALICE' };
    expect(await workspace.submitView({ user: 'U0BOB', values })).toMatchObject({ acked: true, errors: null });
    await vi.waitFor(() => expect(told()).toEqual(['sent']));
    expect(desk.submissions).toMatchObject([
      { actionId: 'decline_rollback', incidentId: 'M-12', version: 3, userId: 'U0BOB', threadTs: rootTs, values },
    ]);
    expect(workspace.modal('U0BOB')).toBeNull();
  });

  test('that can not be opened is told', async () => {
    workspace.faults.add({ method: 'views.open', kind: 'platform-error', error: 'expired_trigger_id' });
    await press({ actionId: 'decline_rollback' });
    await vi.waitFor(() => expect(told()[0]).toContain('could not be opened, so nothing was done'));
  });
});

test('by HTTP, a press is acknowledged at once too, however long its answer takes', async () => {
  const signingSecret = 'loopback-signing-secret';
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const requestUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`;
  const other = await startWorkspace({ mode: { kind: 'http', requestUrl }, signingSecret });
  const common = { botToken: other.botToken, slackApiUrl: other.apiUrl, logger: silent };
  const web = createSlackWeb(common);
  let finish = (): void => {};
  const slow = new Desk();
  slow.answer = async () => await new Promise((resolve) => (finish = () => resolve({ kind: 'told', text: 'pressed' })));
  const options = { desk: NO_COMMANDS, actions: slow, web, signal: new AbortController().signal };
  const first = async (): Promise<boolean> => await Promise.resolve(true);
  const byHttp = await startSlackApp({
    ...common,
    ...options,
    appToken: null,
    signingSecret,
    port: null,
    isFirst: first,
  });
  server.on('request', byHttp.requestListener ?? (() => {}));
  const root = withState(anIncident(), [BUTTONS], renderReportRoot(aReport(), { requestedBy: 'U0ALICE', link: null }));
  await web.call('chat.postMessage', { channel: CHANNEL, text: root.text, blocks: root.blocks });
  const messageTs = other.messages(CHANNEL)[0]?.ts ?? '';
  const pressed = { user: 'U0BOB', channel: CHANNEL, messageTs, actionId: 'approve_rollback' };
  expect(await other.press(pressed)).toMatchObject({ acked: true });
  finish();
  await vi.waitFor(() => expect(other.ephemerals('U0BOB').map(({ text }) => text)).toEqual(['pressed']));
  await byHttp.close();
  await other.close();
  server.close();
  server.closeAllConnections();
});
