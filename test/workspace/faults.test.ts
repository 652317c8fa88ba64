import { webApi } from '@slack/bolt';
import { afterEach, describe, expect, it } from 'vitest';
import { startWorkspace, type Workspace, type WorkspaceOptions } from '../../src/demo/workspace/workspace.ts';
import { clientOptions } from './bolt-app.ts';

const opened: Workspace[] = [];
afterEach(async () => {
  for (const workspace of opened.splice(0)) await workspace.close();
});

async function start(options: WorkspaceOptions = {}): Promise<{ workspace: Workspace; client: webApi.WebClient }> {
  const workspace = await startWorkspace(options);
  opened.push(workspace);
  return { workspace, client: new webApi.WebClient(workspace.botToken, clientOptions(workspace)) };
}

const texts = (workspace: Workspace, channel = 'C0PAY') => workspace.messages(channel).map(({ text }) => text);

describe('misbehaviour on demand', () => {
  it('answers 429 with Retry-After, for one channel and once', async () => {
    const { workspace, client } = await start();
    workspace.faults.add({ kind: 'rate-limit', retryAfterSeconds: 7, channel: 'C0PAY' });

    await client.chat.postMessage({ channel: 'C0ONCALL', text: 'elsewhere' });
    const limited = client.chat.postMessage({ channel: 'C0PAY', text: 'first' });

    await expect(limited).rejects.toMatchObject({ code: 'slack_webapi_rate_limited_error', retryAfter: 7 });
    await client.chat.postMessage({ channel: 'C0PAY', text: 'second' });
    expect(texts(workspace)).toEqual(['second']);
    expect(workspace.calls().map(({ status, error }) => [status, error])).toEqual([
      [200, undefined],
      [429, 'ratelimited'],
      [200, undefined],
    ]);
  });

  it('breaks with 500 and 503, as often as asked', async () => {
    const { workspace, client } = await start();
    workspace.faults.add({ kind: 'http-503', method: /^chat\./, times: 2 });
    const post = () => client.chat.postMessage({ channel: 'C0PAY', text: 'x' });

    await expect(post()).rejects.toMatchObject({ statusCode: 503 });
    await expect(post()).rejects.toMatchObject({ statusCode: 503 });
    await post();

    expect(texts(workspace)).toEqual(['x']);
  });

  it('cuts the connection before a call is done, or after: only then the message is there', async () => {
    const { workspace, client } = await start();
    const post = (text: string) => client.chat.postMessage({ channel: 'C0PAY', text });

    workspace.faults.add({ kind: 'drop-before', method: 'chat.postMessage' });
    await expect(post('never')).rejects.toMatchObject({ code: 'slack_webapi_request_error' });
    workspace.faults.add({ kind: 'drop-after', method: 'chat.postMessage' });
    await expect(post('unheard')).rejects.toMatchObject({ code: 'slack_webapi_request_error' });

    expect(texts(workspace)).toEqual(['unheard']);
    expect(workspace.calls().map(({ ok, status }) => [ok, status])).toEqual([
      [false, 0],
      [true, 0],
    ]);
  });

  it('is slow, refuses by name, and strikes only the calls that a predicate picks', async () => {
    const { workspace, client } = await start();
    const slow = workspace.faults.add({ kind: 'slow', ms: 120, when: (args) => args['text'] === 'slow' });
    workspace.faults.add({ kind: 'platform-error', error: 'account_inactive', method: 'auth.test' });

    const before = performance.now();
    await client.chat.postMessage({ channel: 'C0PAY', text: 'quick' });
    const quick = performance.now() - before;
    await client.chat.postMessage({ channel: 'C0PAY', text: 'slow' });

    expect(performance.now() - before - quick).toBeGreaterThanOrEqual(115);
    expect(slow.struck()).toBe(1);
    await expect(client.auth.test()).rejects.toMatchObject({ data: { error: 'account_inactive' } });
    await client.auth.test();
  });
});

describe('the limits on calls', () => {
  it('lets a channel have one post a second after a short burst, and another channel go on', async () => {
    let now = 1_700_000_000_000;
    const { workspace, client } = await start({ enforceRateLimits: true, now: () => now });
    const post = (channel: string) => client.chat.postMessage({ channel, text: 'x' });

    for (let sent = 0; sent < 3; sent += 1) await post('C0PAY');
    await expect(post('C0PAY')).rejects.toMatchObject({ retryAfter: 1 });
    await post('C0ONCALL');
    now += 1000;
    await post('C0PAY');
    await expect(post('C0PAY')).rejects.toMatchObject({ retryAfter: 1 });

    expect(workspace.messages('C0PAY')).toHaveLength(4);
  });

  it('lets the whole workspace have 50 edits a minute', async () => {
    let now = 1_700_000_000_000;
    const { client } = await start({ enforceRateLimits: true, now: () => now });
    const { ts = '' } = await client.chat.postMessage({ channel: 'C0PAY', text: 'x' });
    const edit = () => client.chat.update({ channel: 'C0PAY', ts, text: 'y' });

    for (let sent = 0; sent < 50; sent += 1) await edit();
    await expect(edit()).rejects.toMatchObject({ retryAfter: 2 });
    now += 2000;
    await edit();
  });
});
