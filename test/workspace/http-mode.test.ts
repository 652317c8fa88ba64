import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { startWorkspace, type Workspace, type WorkspaceOptions } from '../../src/demo/workspace/workspace.ts';
import { type BoltApp, startHttpApp } from './bolt-app.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function start(
  register: (app: BoltApp['app']) => void,
  { secretOfApp }: { secretOfApp?: string } = {},
): Promise<Workspace> {
  const port = await freePort();
  const workspace = await startWorkspace({
    mode: { kind: 'http', requestUrl: `http://127.0.0.1:${port}/slack/events` },
  });
  closers.push(workspace.close);
  const app = await startHttpApp(workspace, port, register, secretOfApp);
  closers.push(app.stop);
  return workspace;
}

type Received = { request: IncomingMessage; body: string };

/** A server of one's own in the app's place; `answer` gives the status of each delivery. */
async function startBareApp(
  options: Omit<WorkspaceOptions, 'mode'>,
  answer: (delivery: number) => { status: number; headers?: Record<string, string> },
): Promise<{ workspace: Workspace; received: Received[] }> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ request, body: Buffer.concat(chunks).toString('utf8') });
      const { status, headers } = answer(received.length);
      response.writeHead(status, headers).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const workspace = await startWorkspace({
    ...options,
    mode: { kind: 'http', requestUrl: `http://127.0.0.1:${port}/` },
  });
  closers.push(async () => {
    server.close();
    server.closeAllConnections();
    await workspace.close();
  });
  return { workspace, received };
}

describe('a real Bolt app in HTTP mode', () => {
  it('takes signed commands, presses and events', async () => {
    const heard: string[] = [];
    const workspace = await start((app) => {
      app.command('/memtriage', async ({ ack, command }) => ack(`listening to ${command.text}`));
      app.action('acknowledge', async ({ ack }) => {
        await ack();
        heard.push('acknowledge');
      });
      app.event('app_mention', async ({ event }) => void heard.push(event.text));
    });

    const command = await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'checkout' });
    const mention = await workspace.mention({ user: 'U0ALICE', channel: 'C0PAY', text: 'status' });

    expect(command).toMatchObject({ acked: true, response: { text: 'listening to checkout' } });
    expect(mention.acked).toBe(true);
    await expect.poll(() => heard).toEqual([`<@${workspace.botUserId}> status`]);
  });

  it('is refused by an app that expects another signing secret', async () => {
    const workspace = await start(
      (app) => {
        app.command('/memtriage', async ({ ack }) => ack());
      },
      { secretOfApp: 'another secret' },
    );

    const command = await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'checkout' });

    expect(command).toMatchObject({ acked: false, error: 'dispatch_failed' });
  });
});

describe('deliveries over HTTP', () => {
  it('are signed over the timestamp and the raw body', async () => {
    const { workspace, received } = await startBareApp({ signingSecret: 's3cret' }, () => ({ status: 200 }));

    await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'a & b = ü' });

    const [{ request, body } = { request: undefined, body: '' }] = received;
    const timestamp = String(request?.headers['x-slack-request-timestamp']);
    const signature = createHmac('sha256', 's3cret').update(`v0:${timestamp}:${body}`).digest('hex');
    expect(request?.headers['x-slack-signature']).toBe(`v0=${signature}`);
    expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
      command: '/memtriage',
      text: 'a & b = ü',
      user_id: 'U0ALICE',
    });
  });

  it('repeat an event three times with the same id, but a command never', async () => {
    const { workspace, received } = await startBareApp({ eventRetryDelaysMs: [0, 5, 5] }, () => ({ status: 500 }));

    await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'checkout' });
    await workspace.mention({ user: 'U0ALICE', channel: 'C0PAY', text: 'status' });

    await expect.poll(() => received.length).toBe(5);
    const events = received.slice(1);
    expect(events.map(({ request }) => request.headers['x-slack-retry-num'])).toEqual([undefined, '1', '2', '3']);
    expect(events[1]?.request.headers['x-slack-retry-reason']).toBe('http_error');
    expect(new Set(events.map(({ body }) => (JSON.parse(body) as { event_id: string }).event_id)).size).toBe(1);
  });

  it('stop repeating an event when the app says so', async () => {
    const headers = { 'x-slack-no-retry': '1' };
    const { workspace, received } = await startBareApp({ eventRetryDelaysMs: [0, 0, 0] }, () => ({
      status: 500,
      headers,
    }));

    await workspace.mention({ user: 'U0ALICE', channel: 'C0PAY', text: 'status' });
    await workspace.command({ user: 'U0ALICE', channel: 'C0PAY', text: 'checkout' });

    expect(received).toHaveLength(2);
  });
});
