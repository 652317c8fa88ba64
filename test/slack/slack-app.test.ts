import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CommandDesk, SilenceRequest, StartedTriage } from '../../src/adapters/slack/command-desk.ts';
import { type SlackApp, type SlackAppOptions, startSlackApp } from '../../src/adapters/slack/slack-app.ts';
import { createSlackWeb } from '../../src/adapters/slack/slack-web.ts';
import { startWorkspace, type Workspace, type WorkspaceOptions } from '../../src/demo/workspace/workspace.ts';
import { silent } from './outbox-rig.ts';
import { anIncident } from './reports.ts';

type Requested = Parameters<CommandDesk['startTriage']>[0];

/** Stands for the rest of the bot: writes down what was asked, answers what the test tells it to. */
class Desk implements CommandDesk {
  readonly asked: Requested[] = [];
  answer: (request: Requested) => Promise<StartedTriage> = async ({ service, channelId, openedBy }) =>
    service === 'checkout'
      ? { kind: 'started', incident: anIncident({ service, channelId, openedBy }) }
      : { kind: 'unknown-service' };
  serviceNames = () => ['checkout', 'cart'];
  defaultSinceSeconds = () => 3600;
  startTriage = async (request: Requested) => {
    this.asked.push(request);
    return await this.answer(request);
  };
  listServices = async () => [{ service: 'checkout', team: 'payments', summary: 'RSS 2.40 GiB, case M-12 is open' }];
  status = async (id: string | null) => ({
    kind: 'lines' as const,
    title: `Cases ${id ?? 'open'}`,
    lines: ['M-12 <!channel>'],
  });
  baseline = async () => ({ kind: 'unknown-service' as const });
  onCall = async () => [];
  readonly silenced: SilenceRequest[] = [];
  silence = async (request: SilenceRequest) => {
    this.silenced.push(request);
    return { kind: 'lines' as const, title: 'Silences', lines: ['none'] };
  };
  postmortem = async (id: string) => ({ kind: 'lines' as const, title: id, lines: ['in the thread'] });
  history: CommandDesk['history'] = async () => ({
    outcome: 'error',
    who: 'operator',
    why: 'Redis is away',
    tryThis: 'Start it.',
  });
}

/** Buttons have a test of their own. */
const noActions: Pick<SlackAppOptions, 'actions' | 'isFirst'> = {
  actions: { press: async () => ({ kind: 'told', text: null }), submit: async () => null },
  isFirst: async () => true,
};

let workspace: Workspace;
let desk: Desk;
let app: SlackApp | null = null;

async function start(settings: WorkspaceOptions = {}, changes: Partial<SlackAppOptions> = {}): Promise<SlackApp> {
  workspace = await startWorkspace(settings);
  const common = { botToken: workspace.botToken, slackApiUrl: workspace.apiUrl, logger: silent };
  const started = await startSlackApp({
    ...common,
    ...noActions,
    appToken: workspace.appToken,
    signingSecret: null,
    port: null,
    desk,
    web: createSlackWeb(common),
    signal: new AbortController().signal,
    ...changes,
  });
  app = started;
  return started;
}

/** A workspace that does not know the token. */
function refusedWeb(): SlackAppOptions['web'] {
  return { call: async () => ({ kind: 'refused', error: 'invalid_auth' }) };
}

beforeEach(() => {
  desk = new Desk();
});
afterEach(async () => {
  await app?.close();
  await workspace.close();
  app = null;
});

const alice = { user: 'U0ALICE', channel: 'C0PAY' };

async function say(text: string): Promise<string> {
  const { acked, response } = await workspace.command({ ...alice, text });
  expect(acked).toBe(true);
  return response?.text ?? '';
}

describe('by Socket Mode', () => {
  test('the command is answered with the case, and the request carries who asked where', async () => {
    await start();
    expect(await say('checkout --since 2h')).toBe(
      "⏳ Triage of *checkout* started as M-12. I'll post it in this channel.",
    );
    expect(desk.asked).toEqual([
      {
        service: 'checkout',
        symptom: 'asked',
        openedBy: 'U0ALICE',
        channelId: 'C0PAY',
        sinceSeconds: 7200,
        takeSnapshot: true,
        requestId: expect.stringMatching(/\S/),
      },
    ]);
  });

  test('two connections stand, and commands are answered while one of them is being renewed', async () => {
    await start();
    await workspace.waitForSockets(2);
    workspace.disconnectSockets('refresh_requested', 1);
    await vi.waitFor(() => expect(workspace.socketCount()).toBe(1));
    expect(await say('checkout')).toContain('M-12');
    await workspace.waitForSockets(2);
  });

  test('an unknown service gets near matches, and is not called started', async () => {
    await start();
    expect(await say('chekout')).toBe(
      "I don't know *chekout*. Did you mean `checkout`? `/memtriage list` shows all services. Nothing was started.",
    );
  });

  test('the second asker is pointed to the running thread', async () => {
    await start();
    desk.answer = async () => ({
      kind: 'running',
      incident: anIncident(),
      channelId: 'C0ONCALL',
      startedBy: 'U0BOB',
      permalink: 'https://acme.slack.com/archives/C0ONCALL/p1',
      umbrella: null,
    });
    expect(await say('checkout')).toBe(
      'Already running: M-12 for *checkout*, started by <@U0BOB>: <https://acme.slack.com/archives/C0ONCALL/p1|open the thread>. Nothing new was started.',
    );
  });

  test('who asks for one of many that were killed at once is pointed to all of them', async () => {
    await start();
    const umbrella = { id: 'U-3', permalink: 'https://acme.slack.com/archives/C0ONCALL/p2' };
    desk.answer = async () => ({ kind: 'looks-again', incident: anIncident(), permalink: null, umbrella });
    expect(await say('checkout')).toContain(
      'It is one of many services that were killed at once: <https://acme.slack.com/archives/C0ONCALL/p2|U-3>; it has a thread of its own now.',
    );
  });

  test('what could not be stored is called not started', async () => {
    await start();
    desk.answer = async () => ({ kind: 'not-stored', why: 'Redis does not answer', tryThis: 'Ask again in a minute.' });
    expect(await say('checkout')).toBe('🟠 Nothing was started: Redis does not answer. Ask again in a minute.');
  });

  test('a desk that throws or never answers still gets the person an answer in time', async () => {
    await start();
    desk.answer = async () => await Promise.reject(new Error('boom <!channel>'));
    expect(await say('checkout')).toContain("I can't answer right now (boom &lt;!channel&gt;)");
    desk.answer = async () => await new Promise(() => {});
    expect(await say('checkout')).toContain('It may or may not have been taken');
  });

  test('times and people of an answer are shown as Slack shows them; what keeps it from answering is told in plain words', async () => {
    desk.history = async () => {
      const lines = ['M-12 checkout: opened 2026-11-22T10:00:00.123Z by U0ALICE, not U0-1'];
      return await Promise.resolve({ kind: 'lines', title: 'M-12, opened 2026-11-22T10:00:00.123Z', lines });
    };
    desk.listServices = async () => [{ service: 'checkout', team: 'payments', summary: 'baseline v1, set by U0ALICE' }];
    await start({}, { whyUnable: () => 'Redis does not answer' });
    expect(await say('history checkout')).toBe(
      '*M-12, opened <!date^1795341600^{date_short_pretty} {time}|22 Nov 10:00 UTC>*\nM-12 checkout: opened <!date^1795341600^{date_short_pretty} {time}|22 Nov 10:00 UTC> by <@U0ALICE>, not U0-1',
    );
    expect(await say('list')).toContain('• `checkout` (payments) baseline v1, set by <@U0ALICE>');
    desk.answer = async () => await Promise.reject(new Error("Stream isn't writeable"));
    expect(await say('checkout')).toContain("I can't answer right now (Redis does not answer). It may or may not");
  });

  test('in a channel without the bot nothing is started, and the cure is told', async () => {
    await start();
    workspace.setMember('C0PAY', false);
    expect(await say('checkout')).toContain('Invite me (`/invite @memtriage`)');
    expect(desk.asked).toEqual([]);
    workspace.setMember('C0PAY', true);
    expect(await say('checkout')).toContain('M-12');
  });

  test('where membership cannot be asked, the triage starts', async () => {
    await start();
    workspace.faults.add({ method: 'conversations.info', kind: 'platform-error', error: 'missing_scope' });
    expect(await say('checkout')).toContain('M-12');
  });

  test('twenty commands at once in a channel ask Slack once, and while Slack asks for rest nobody asks', async () => {
    await start();
    const asked = () => workspace.calls().filter(({ method }) => method === 'conversations.info').length;
    workspace.faults.add({ method: 'conversations.info', kind: 'rate-limit', retryAfterSeconds: 30 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => say('checkout')));
    expect(answers.every((text) => text.includes('M-12'))).toBe(true);
    expect(await say('checkout')).toContain('M-12');
    expect(asked()).toBe(1);
  });

  test('help, list, status, failures and what is not understood are answered', async () => {
    await start();
    expect(await say('')).toContain('`/memtriage checkout`');
    expect(await say('list')).toContain('• `checkout` (payments) RSS 2.40 GiB, case M-12 is open');
    expect(await say('status M-12')).toBe('*Cases M-12*\nM-12 &lt;!channel&gt;');
    expect(await say('postmortem m12')).toBe('*M-12*\nin the thread');
    expect(await say('baseline show chart')).toContain('Did you mean `cart`?');
    expect(await say('history checkout')).toBe('🟠 Redis is away. Start it.');
    expect(await say('checkout --frobnicate')).toContain('Try `/memtriage checkout --since 6h --no-snapshot`');
    expect(await say('oncall')).toContain('No team is configured');
    expect(await say('silence checkout 2h known batch')).toContain('*Silences*');
    expect(desk.silenced).toEqual([
      { verb: 'set', service: 'checkout', seconds: 7200, reason: 'known batch', by: 'U0ALICE' },
    ]);
  });

  test('a mention in a thread goes the same way and is answered there, for the asker only', async () => {
    await start();
    const { ts } = workspace.say({ ...alice, text: 'memory alert' });
    await workspace.mention({ ...alice, text: 'checkout', threadTs: ts });
    await vi.waitFor(() => expect(workspace.ephemerals('U0ALICE')).toHaveLength(1));
    expect(workspace.ephemerals('U0ALICE')[0]).toMatchObject({ threadTs: ts, text: expect.stringContaining('M-12') });
    expect(desk.asked[0]).toMatchObject({ service: 'checkout', openedBy: 'U0ALICE', channelId: 'C0PAY' });
  });

  test('a mention that a dying bot did not store is not acknowledged, and comes again', async () => {
    const started = await start({ eventRetryDelaysMs: Array.from({ length: 20 }, () => 1000) });
    desk.answer = async () => await new Promise(() => {});
    const said = workspace.mention({ ...alice, text: 'checkout' });
    await vi.waitFor(() => expect(desk.asked).toHaveLength(1));
    desk.answer = async () => ({ kind: 'started', incident: anIncident() });
    workspace.dropSockets();
    expect(await said).toMatchObject({ acked: false });
    await vi.waitFor(() => expect(desk.asked).toHaveLength(2), { timeout: 20_000 });
    const [first, second] = desk.asked;
    expect(second?.requestId).toBe(first?.requestId);
    await started.close();
  });

  test('a message that could not be stored is not acknowledged, and comes again; none is listened to unless asked', async () => {
    const taken: unknown[] = [];
    const channelReader = {
      take: async (event: unknown) => {
        taken.push(event);
        if (taken.length === 1) throw new Error('Redis is away');
      },
    };
    await start({ tellsOfMessages: true, eventRetryDelaysMs: [0] }, { channelReader });
    const bot = { botId: 'B0AM', username: 'Alertmanager', channel: 'C0PAY', text: 'hello' };
    expect((await workspace.postAsBot(bot)).ack).toMatchObject({ acked: false });
    await vi.waitFor(() => expect(taken).toHaveLength(2));
    expect(taken[1]).toEqual(taken[0]);
    expect((await workspace.postAsBot(bot)).ack).toMatchObject({ acked: true });
    expect(taken).toHaveLength(3);
  });

  test('commands under way are answered before the app is closed', async () => {
    const started = await start();
    const resume = new EventEmitter();
    desk.answer = async () => {
      await once(resume, 'stored');
      return { kind: 'started', incident: anIncident() };
    };
    const asked = workspace.command({ ...alice, text: 'checkout' });
    await vi.waitFor(() => expect(desk.asked).toHaveLength(1));
    const closed = started.close();
    resume.emit('stored');
    await closed;
    expect(await asked).toMatchObject({ acked: true, response: { text: expect.stringContaining('M-12') } });
    await vi.waitFor(() => expect(workspace.socketCount()).toBe(0));
  });

  test('a refused token ends the start with its cure', async () => {
    await expect(start({}, { web: refusedWeb() })).rejects.toMatchObject({
      message: 'Slack refuses the bot token: invalid_auth',
      tryThis: expect.stringContaining('SLACK_BOT_TOKEN'),
    });
  });

  test('a refused app token ends the start with its cure, and nothing is left connected', async () => {
    await expect(start({}, { appToken: 'xapp-wrong' })).rejects.toMatchObject({
      message: expect.stringContaining('invalid_auth'),
      tryThis: expect.stringContaining('SLACK_APP_TOKEN'),
    });
    expect(workspace.socketCount()).toBe(0);
  });

  test('a connection that Slack refuses later is told, and is no unhandled rejection', async () => {
    const onRefused = vi.fn<NonNullable<SlackAppOptions['onRefused']>>();
    await start({}, { onRefused });
    workspace.faults.add({ method: 'apps.connections.open', kind: 'platform-error', error: 'invalid_auth', times: 2 });
    workspace.dropSockets();
    await vi.waitFor(() => expect(onRefused).toHaveBeenCalledTimes(2), { timeout: 15_000 });
    expect(onRefused.mock.calls[0]?.[0]).toMatchObject({ exitCode: 69 });
  });

  test('a Slack that is away at the start is waited for', async () => {
    const away = await startWorkspace();
    workspace = away;
    away.faults.add({ method: 'auth.test', kind: 'http-503', times: 1 });
    away.faults.add({ method: 'apps.connections.open', kind: 'http-500', times: 2 });
    const common = { botToken: away.botToken, slackApiUrl: away.apiUrl, logger: silent };
    app = await startSlackApp({
      ...common,
      ...noActions,
      appToken: away.appToken,
      signingSecret: null,
      port: null,
      desk,
      web: createSlackWeb(common),
      signal: new AbortController().signal,
    });
    expect(app.identity.botUserId).toBe(away.botUserId);
    expect(await say('checkout')).toContain('M-12');
  });
});

describe('by HTTP', () => {
  const signingSecret = 'loopback-signing-secret';
  let server: Server;

  beforeEach(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  async function startHttp(): Promise<string> {
    const requestUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`;
    const { requestListener } = await start({ mode: { kind: 'http', requestUrl } }, { appToken: null, signingSecret });
    server.on('request', requestListener ?? (() => {}));
    return requestUrl;
  }

  test('a signed command and a mention are answered', async () => {
    await startHttp();
    expect(await say('checkout')).toContain('M-12');
    await workspace.mention({ ...alice, text: 'list' });
    await vi.waitFor(() => expect(workspace.ephemerals('U0ALICE').at(-1)?.text).toContain('1 services'));
  });

  test('an unsigned request is refused', async () => {
    const url = await startHttp();
    const forged = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': String(Math.floor(Date.now() / 1000)),
        'x-slack-signature': 'v0=00',
      },
      body: 'command=/memtriage&text=checkout',
    });
    expect(forged.status).toBe(401);
    expect(desk.asked).toEqual([]);
  });

  test('the app listens on a port of its own when it is given one', async () => {
    const { port } = await start({}, { appToken: null, signingSecret, port: 0 });
    const answer = await fetch(`http://127.0.0.1:${port}/slack/events`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(401);
  });
});

test('without an app token and a signing secret the start says what to set', async () => {
  await expect(start({}, { appToken: null, signingSecret: null })).rejects.toThrow(
    'neither by Socket Mode nor by HTTP',
  );
});
