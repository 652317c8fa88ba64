import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { type BoltApp, startSocketApp } from './bolt-app.ts';

/** One command after the other, which take the connections in turn; true where it was acknowledged. */
async function commandOverEach(workspace: Workspace): Promise<boolean[]> {
  const acked: boolean[] = [];
  for (let count = 0; count < 2; count += 1) {
    acked.push((await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'list' })).acked);
  }
  return acked;
}

describe('a real Bolt app in Socket Mode', () => {
  const opened: { close: () => Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });

  async function start(
    register: Parameters<typeof startSocketApp>[1],
  ): Promise<{ workspace: Workspace; bolt: BoltApp }> {
    const workspace = await startWorkspace();
    opened.push(workspace);
    const bolt = await startSocketApp(workspace, register);
    opened.push({ close: bolt.stop });
    return { workspace, bolt };
  }

  it('acks a command with an ephemeral answer and posts into the channel', async () => {
    const { workspace } = await start((app) => {
      app.command('/memtriage', async ({ ack, client, command }) => {
        await ack({ text: `Triage of ${command.text} started` });
        await client.chat.postMessage({ channel: command.channel_id, text: `triage of ${command.text}` });
      });
    });

    const answer = await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'checkout' });

    expect(answer).toMatchObject({ acked: true, response: { text: 'Triage of checkout started', source: 'ack' } });
    await expect.poll(() => workspace.messages('C0PAY').map(({ text }) => text)).toEqual(['triage of checkout']);
    expect(workspace.ephemerals('U0ALICE')).toHaveLength(1);
    expect(workspace.calls().filter(({ method }) => method === 'apps.connections.open')).toMatchObject([
      { authorization: `Bearer ${workspace.appToken}`, ok: true },
      { authorization: `Bearer ${workspace.appToken}`, ok: true },
    ]);
  });

  it('sends each envelope to exactly one of the two connections', async () => {
    let received = 0;
    const { workspace } = await start((app) => {
      app.command('/memtriage', async ({ ack }) => {
        received += 1;
        await ack();
      });
    });

    for (let sent = 0; sent < 6; sent += 1) await workspace.command({ user: 'U0BOB', channel: 'C0PAY', text: 'list' });

    expect(workspace.socketCount()).toBe(2);
    expect(received).toBe(6);
  });

  it('presses a button that is there, and the message is edited in place', async () => {
    const { workspace, bolt } = await start((app) => {
      app.action('acknowledge', async ({ ack, body, client, respond }) => {
        await ack();
        const { channel, message } = body as { channel: { id: string }; message: { ts: string } };
        await client.chat.update({ channel: channel.id, ts: message.ts, text: `held by ${body.user.id}` });
        await respond({ text: 'It is yours now', replace_original: false });
      });
    });
    const { ts } = await bolt.app.client.chat.postMessage({
      channel: 'C0ONCALL',
      text: 'open',
      blocks: [
        {
          type: 'actions',
          elements: [{ type: 'button', action_id: 'acknowledge', text: { type: 'plain_text', text: 'Acknowledge' } }],
        },
      ],
    });

    await workspace.press({ user: 'U0BOB', channel: 'C0ONCALL', messageTs: String(ts), actionId: 'acknowledge' });

    await expect.poll(() => workspace.ephemerals('U0BOB').map(({ text }) => text)).toEqual(['It is yours now']);
    expect(workspace.messages('C0ONCALL')).toMatchObject([{ ts, text: 'held by U0BOB', blocks: [], edits: 1 }]);
    await expect(
      workspace.press({ user: 'U0BOB', channel: 'C0ONCALL', messageTs: String(ts), actionId: 'acknowledge' }),
    ).rejects.toThrow('there is nothing called acknowledge to press here');
  });

  it('brings a mention as an event, and answers into its thread', async () => {
    const { workspace } = await start((app) => {
      app.event('app_mention', async ({ event, client }) => {
        await client.chat.postMessage({
          channel: event.channel,
          thread_ts: event.thread_ts ?? event.ts,
          text: `heard: ${event.text}`,
        });
      });
    });

    const { ts } = await workspace.mention({ user: 'U0ALICE', channel: 'C0PAY', text: 'status' });

    await expect
      .poll(() => workspace.thread('C0PAY', ts).map(({ text }) => text))
      .toEqual([`<@${workspace.botUserId}> status`, `heard: <@${workspace.botUserId}> status`]);
  });

  it('tells the person when nobody acknowledges a command in 3 s', async () => {
    const { workspace } = await start((app) => {
      app.command('/memtriage', () => new Promise(() => {}));
    });

    const answer = await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'checkout' });

    expect(answer).toMatchObject({ acked: false, error: 'operation_timeout', response: null });
    expect(answer.ackMs).toBeGreaterThanOrEqual(2990);
    expect(workspace.ephemerals('U0ALICE')).toMatchObject([
      { source: 'slack', text: '/memtriage failed with the error "operation_timeout"' },
    ]);
  });

  it('delivers the same envelope again with its retry fields', async () => {
    const seen: unknown[] = [];
    const { workspace } = await start((app) => {
      app.event('app_mention', async ({ body, context }) => {
        seen.push([body.event_id, context.retryNum, context.retryReason]);
      });
    });

    await workspace.mention({ user: 'U0ALICE', channel: 'C0PAY', text: 'status' });
    await workspace.redeliver();

    await expect.poll(() => seen.length).toBe(2);
    const [[id]] = seen as [[string], unknown];
    expect(seen).toEqual([
      [id, undefined, undefined],
      [id, 1, 'timeout'],
    ]);
  });

  it('comes back by itself after its connections were cut', async () => {
    const { workspace } = await start((app) => {
      app.command('/memtriage', async ({ ack }) => ack());
    });

    workspace.dropSockets();
    await expect.poll(() => workspace.socketCount()).toBe(0);
    const inTheGap = await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'list' });
    await workspace.waitForSockets(2, 15_000);
    const afterwards = await commandOverEach(workspace);

    expect(inTheGap).toMatchObject({ acked: false, error: 'dispatch_failed' });
    expect(afterwards).toEqual([true, true]);
  });

  it('leaves the connection that Slack asks to go, and opens another', async () => {
    const { workspace } = await start((app) => {
      app.command('/memtriage', async ({ ack }) => ack());
    });

    workspace.disconnectSockets('warning', 1);
    expect(workspace.socketCount()).toBe(1);
    const overTheOther = await commandOverEach(workspace);
    await workspace.waitForSockets(2, 15_000);
    const afterwards = await commandOverEach(workspace);

    expect([...overTheOther, ...afterwards]).toEqual([true, true, true, true]);
    expect(workspace.calls().filter(({ method }) => method === 'apps.connections.open')).toHaveLength(3);
  });
});

describe('the WebSocket of Socket Mode', () => {
  const opened: WebSocket[] = [];
  let workspace: Workspace;
  beforeEach(async () => {
    workspace = await startWorkspace();
  });
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.terminate();
    await workspace.close();
  });

  async function newUrl(): Promise<string> {
    const authorization = `Bearer ${workspace.appToken}`;
    const response = await fetch(`${workspace.apiUrl}apps.connections.open`, {
      method: 'POST',
      headers: { authorization },
    });
    return ((await response.json()) as { url: string }).url;
  }

  /** Opens the URL; resolves with the first message, or the status of a refused handshake. */
  function open(url: string): Promise<unknown> {
    const socket = new WebSocket(url);
    opened.push(socket);
    return new Promise((resolve, reject) => {
      socket.once('message', (data: Buffer) => resolve(JSON.parse(data.toString('utf8'))));
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.once('error', reject);
    });
  }

  it('says hello, and opens a URL only once', async () => {
    const url = await newUrl();

    expect(await open(url)).toMatchObject({ type: 'hello', num_connections: 1 });
    expect(await open(url)).toBe(403);
  });

  it('refuses handshakes while told to', async () => {
    workspace.refuseSockets(true);
    expect(await open(await newUrl())).toBe(503);
    workspace.refuseSockets(false);
    expect(await open(await newUrl())).toMatchObject({ type: 'hello' });
  });

  it('has room for ten of them', async () => {
    for (let count = 1; count <= 10; count += 1) {
      expect(await open(await newUrl())).toMatchObject({ type: 'hello', num_connections: count });
    }
    expect(await open(await newUrl())).toMatchObject({ type: 'disconnect', reason: 'too_many_websockets' });
  });
});
