import { webApi } from '@slack/bolt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { clientOptions } from './bolt-app.ts';

let workspace: Workspace;
let client: webApi.WebClient;

beforeEach(async () => {
  workspace = await startWorkspace({
    channels: [
      { id: 'C0PAY', name: 'payments' },
      { id: 'C0OTHER', name: 'other', isMember: false },
    ],
    userGroups: [{ id: 'S0PAY', handle: 'pay-oncall', users: ['U0ALICE'] }],
  });
  client = connect(workspace.botToken);
});

afterEach(async () => {
  await workspace.close();
});

function connect(token: string): webApi.WebClient {
  return new webApi.WebClient(token, clientOptions(workspace));
}

/** The error of a refused call, `ok` for one that wasn't. */
async function errorOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    if (error instanceof webApi.WebAPIPlatformError) return error.data.error;
    throw error;
  }
}

describe('messages', () => {
  it('refuses what Slack refuses, by the same names', async () => {
    const { ts = '' } = await client.chat.postMessage({ channel: 'C0PAY', text: 'root' });
    const theirs = workspace.say({ user: 'U0BOB', channel: 'C0PAY', text: 'mine' });
    const post = (args: object) => errorOf(client.apiCall('chat.postMessage', { ...args }));
    const update = (args: object) => errorOf(client.apiCall('chat.update', { channel: 'C0PAY', ts, ...args }));

    expect({
      unknownChannel: await post({ channel: 'C0NONE', text: 'x' }),
      notInvited: await post({ channel: 'C0OTHER', text: 'x' }),
      noText: await post({ channel: 'C0PAY' }),
      noChannel: await post({ text: 'x' }),
      longText: await post({ channel: 'C0PAY', text: 'x'.repeat(40_001) }),
      brokenBlocks: await post({ channel: 'C0PAY', text: 'x', blocks: '[{' }),
      brokenMetadata: await post({ channel: 'C0PAY', text: 'x', metadata: { event_type: 'case' } }),
      noSuchMessage: await update({ ts: '1.000001', text: 'x' }),
      notMine: await update({ ts: theirs.ts, text: 'x' }),
      noTs: await errorOf(client.apiCall('chat.update', { channel: 'C0PAY', text: 'x' })),
      longEdit: await update({ text: 'x'.repeat(4001) }),
      channelByNameInUpdate: await update({ channel: '#payments', text: 'x' }),
      unknownMethod: await errorOf(client.apiCall('chat.shout', {})),
    }).toEqual({
      unknownChannel: 'channel_not_found',
      notInvited: 'not_in_channel',
      noText: 'no_text',
      noChannel: 'invalid_arguments',
      longText: 'msg_too_long',
      brokenBlocks: 'invalid_blocks_format',
      brokenMetadata: 'invalid_metadata_format',
      noSuchMessage: 'message_not_found',
      notMine: 'cant_update_message',
      noTs: 'invalid_arguments',
      longEdit: 'msg_too_long',
      channelByNameInUpdate: 'channel_not_found',
      unknownMethod: 'unknown_method',
    });
  });

  it('refuses blocks that are too long together, though each is within its limit', async () => {
    const blocks = (count: number) =>
      Array.from({ length: count }, () => ({ type: 'section', text: { type: 'mrkdwn', text: 'x'.repeat(3000) } }));
    const post = (count: number) =>
      errorOf(client.apiCall('chat.postMessage', { channel: 'C0PAY', text: 'x', blocks: blocks(count) }));

    expect([await post(4), await post(5)]).toEqual(['ok', 'msg_blocks_too_long']);
  });

  it('takes only the tokens it handed out, each where it belongs', async () => {
    expect({
      wrong: await errorOf(connect('xoxb-wrong').auth.test()),
      none: await errorOf(new webApi.WebClient(undefined, clientOptions(workspace)).auth.test()),
      appTokenForBotMethod: await errorOf(connect(workspace.appToken).auth.test()),
      botTokenForSockets: await errorOf(client.apps.connections.open({})),
      right: await errorOf(client.auth.test()),
    }).toEqual({
      wrong: 'invalid_auth',
      none: 'not_authed',
      appTokenForBotMethod: 'not_allowed_token_type',
      botTokenForSockets: 'not_allowed_token_type',
      right: 'ok',
    });
  });

  it('removes the blocks when an edit brings text alone, and keeps every version', async () => {
    const { ts = '' } = await client.chat.postMessage({ channel: 'C0PAY', text: 'one', blocks: [{ type: 'divider' }] });

    await client.chat.update({ channel: 'C0PAY', ts, text: 'two', blocks: [{ type: 'divider' }] });
    await client.chat.update({ channel: 'C0PAY', ts, text: 'three' });

    const [message] = workspace.messages('C0PAY');
    expect(message).toMatchObject({ text: 'three', blocks: [], edits: 2, deleted: false });
    expect(message?.history.map(({ text, blocks }) => [text, blocks.length])).toEqual([
      ['one', 1],
      ['two', 1],
      ['three', 0],
    ]);
  });

  it('answers message_not_found once a person has deleted the root, and leaves a tombstone over its replies', async () => {
    const { ts = '' } = await client.chat.postMessage({ channel: 'C0PAY', text: 'root' });
    await client.chat.postMessage({ channel: 'C0PAY', text: 'reply', thread_ts: ts });

    workspace.deleteMessage({ channel: 'C0PAY', ts });

    expect(await errorOf(client.chat.update({ channel: 'C0PAY', ts, text: 'x' }))).toBe('message_not_found');
    const { messages } = await client.conversations.history({ channel: 'C0PAY' });
    expect(messages).toMatchObject([{ subtype: 'tombstone', reply_count: 1 }]);
    expect(workspace.messages('C0PAY')).toEqual([]);
    expect(workspace.everPosted('C0PAY')).toMatchObject([{ text: 'root', deleted: true }, { text: 'reply' }]);
  });

  it('shows an ephemeral message to one person and keeps it out of the history', async () => {
    await client.chat.postEphemeral({ channel: 'C0PAY', user: 'U0BOB', text: 'only you' });

    expect(workspace.ephemerals('U0BOB')).toMatchObject([{ text: 'only you', source: 'chat.postEphemeral' }]);
    expect(workspace.ephemerals('U0ALICE')).toEqual([]);
    expect((await client.conversations.history({ channel: 'C0PAY' })).messages).toEqual([]);
  });
});

describe('reading back', () => {
  it("gives the metadata's payload only to those who ask for it", async () => {
    const metadata = { event_type: 'incident', event_payload: { id: 'M-12' } };
    await client.chat.postMessage({ channel: 'C0PAY', text: 'root', metadata });

    const quiet = await client.conversations.history({ channel: 'C0PAY' });
    const full = await client.conversations.history({ channel: 'C0PAY', include_all_metadata: true });

    expect(quiet.messages?.[0]?.metadata).toEqual({ event_type: 'incident' });
    expect(full.messages?.[0]?.metadata).toEqual(metadata);
  });

  it('pages through the history from new to old, and within a period', async () => {
    const sent: string[] = [];
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      sent.push((await client.chat.postMessage({ channel: 'C0PAY', text })).ts ?? '');
    }

    const read: (string | undefined)[] = [];
    for await (const page of client.paginate('conversations.history', { channel: 'C0PAY', limit: 2 })) {
      const { messages } = page as webApi.ConversationsHistoryResponse;
      read.push(...(messages ?? []).map(({ text }) => text));
    }
    const period = await client.conversations.history({
      channel: 'C0PAY',
      oldest: sent[1] ?? '',
      latest: sent[3] ?? '',
      inclusive: true,
    });

    expect(read).toEqual(['e', 'd', 'c', 'b', 'a']);
    expect(period.messages?.map(({ text }) => text)).toEqual(['d', 'c', 'b']);
  });

  it('gives a thread with its root first, and broadcasts in the channel too', async () => {
    const { ts = '' } = await client.chat.postMessage({ channel: 'C0PAY', text: 'root' });
    await client.chat.postMessage({ channel: 'C0PAY', text: 'quiet', thread_ts: ts });
    await client.chat.postMessage({ channel: 'C0PAY', text: 'loud', thread_ts: ts, reply_broadcast: true });

    const replies = await client.conversations.replies({ channel: 'C0PAY', ts });
    const history = await client.conversations.history({ channel: 'C0PAY' });

    expect(replies.messages?.map(({ text }) => text)).toEqual(['root', 'quiet', 'loud']);
    expect(history.messages?.map(({ text }) => text)).toEqual(['loud', 'root']);
    expect(history.messages?.[1]).toMatchObject({ reply_count: 2, latest_reply: replies.messages?.[2]?.ts });
    expect(await errorOf(client.conversations.replies({ channel: 'C0PAY', ts: '1.000001' }))).toBe('thread_not_found');
  });

  it('knows people, groups, channels and links', async () => {
    const { ts = '' } = await client.chat.postMessage({ channel: '#payments', text: 'root' });

    expect((await client.users.info({ user: 'U0ALICE' })).user?.name).toBe('alice');
    expect(await errorOf(client.users.info({ user: 'U0NONE' }))).toBe('user_not_found');
    expect((await client.usergroups.users.list({ usergroup: 'S0PAY' })).users).toEqual(['U0ALICE']);
    expect(await errorOf(client.usergroups.users.list({ usergroup: 'S0NONE' }))).toBe('no_such_subteam');
    expect((await client.conversations.info({ channel: 'C0OTHER' })).channel?.is_member).toBe(false);
    expect((await client.conversations.members({ channel: 'C0PAY' })).members).toEqual(['U0ALICE', 'U0BOB']);
    expect((await client.chat.getPermalink({ channel: 'C0PAY', message_ts: ts })).permalink).toContain(
      `/archives/C0PAY/p${ts.replace('.', '')}`,
    );
    await client.reactions.add({ channel: 'C0PAY', timestamp: ts, name: 'eyes' });
    expect(await errorOf(client.reactions.add({ channel: 'C0PAY', timestamp: ts, name: 'eyes' }))).toBe(
      'already_reacted',
    );
    const { channel } = await client.conversations.open({ users: 'U0BOB' });
    await client.chat.postMessage({ channel: channel?.id ?? '', text: 'psst' });
    expect(workspace.messages('D0BOB')).toMatchObject([{ text: 'psst' }]);
  });
});

describe('encodings', () => {
  it('takes JSON bodies as well as forms', async () => {
    const response = await fetch(`${workspace.apiUrl}chat.postMessage`, {
      method: 'POST',
      headers: { authorization: `Bearer ${workspace.botToken}`, 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ channel: 'C0PAY', text: 'as JSON', blocks: [{ type: 'divider' }] }),
    });

    expect(await response.json()).toMatchObject({ ok: true, channel: 'C0PAY' });
    expect(workspace.messages('C0PAY')).toMatchObject([{ text: 'as JSON', blocks: [{ type: 'divider' }] }]);
  });
});

describe('files', () => {
  it('takes an upload into a thread, and can show it a moment later', async () => {
    const { ts = '' } = await client.chat.postMessage({ channel: 'C0PAY', text: 'root' });

    await client.files.uploadV2({
      channel_id: 'C0PAY',
      thread_ts: ts,
      filename: 'report.json',
      file: Buffer.from('{"schema":1}'),
      initial_comment: 'the report',
    });

    const [, reply] = workspace.thread('C0PAY', ts);
    expect(reply).toMatchObject({ text: 'the report', files: [{ name: 'report.json', size: 12, mimetype: '' }] });
    const file = String(reply?.files[0]?.['id']);
    await expect.poll(async () => (await client.files.info({ file })).file?.mimetype).toBe('application/json');
    const url = String(reply?.files[0]?.['url_private']);
    const download = await fetch(url, { headers: { authorization: `Bearer ${workspace.botToken}` } });
    expect(await download.text()).toBe('{"schema":1}');
    expect((await fetch(url)).status).toBe(404);
  });

  it('refuses to show an image that it has not looked at yet', async () => {
    const filename = 'rss.png';
    const { upload_url: url = '', file_id: id = '' } = await client.files.getUploadURLExternal({ filename, length: 3 });
    await fetch(url, { method: 'POST', body: Buffer.from('png') });
    await client.files.completeUploadExternal({ files: [{ id }] });
    const show = () =>
      errorOf(
        client.chat.postMessage({
          channel: 'C0PAY',
          text: 'chart',
          blocks: [{ type: 'image', alt_text: 'RSS rises', slack_file: { id } }],
        }),
      );

    expect(await show()).toBe('invalid_blocks');
    await expect.poll(show).toBe('ok');
  });
});
