import { z } from 'zod';
import { toApiMessage } from '../api-message.ts';
import { refuseBlocks } from '../block-kit/problems.ts';
import { codePoints } from '../block-kit/text.ts';
import { BOT_USER_ID, type Channel } from '../directory.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { Metadata, StoredMessage } from '../messages.ts';
import {
  answer,
  asObjects,
  botMethod,
  Flag,
  type MethodAnswer,
  type MethodTable,
  refuse,
  Structure,
  Text,
} from '../method.ts';
import type { World } from '../world.ts';

/** A longer text is refused (Slack cuts a posted one off; refusing shows the caller's mistake). */
const POST_TEXT_CHARACTERS = 40_000;
const UPDATE_TEXT_CHARACTERS = 4000;

const Content = z.object({
  channel: Text,
  text: Text.optional(),
  blocks: Structure.optional(),
  attachments: Structure.optional(),
  metadata: Structure.optional(),
});
type Content = z.output<typeof Content>;

const Post = Content.extend({ thread_ts: Text.optional(), reply_broadcast: Flag.optional() });
const Update = Content.extend({ ts: Text });
const Ephemeral = Content.extend({ user: Text, thread_ts: Text.optional() });
const Place = z.object({ channel: Text, ts: Text });

export const chatMethods: MethodTable = {
  'chat.postMessage': botMethod(Post, postMessage),
  'chat.update': botMethod(Update, update),
  'chat.delete': botMethod(Place, ({ channel, ts }, world) => {
    const found = ownMessage(channel, ts, world, 'cant_delete_message');
    if (!found.ok) return found.refusal;
    world.messages.remove(found.message);
    return answer({ channel, ts });
  }),
  'chat.postEphemeral': botMethod(Ephemeral, postEphemeral),
  'chat.getPermalink': botMethod(
    z.object({ channel: Text, message_ts: Text }),
    (args, { directory, messages, origin }) => {
      if (directory.channel(args.channel) === null) return refuse('channel_not_found');
      const message = messages.find(args.channel, args.message_ts);
      if (message === null) return refuse('message_not_found');
      const thread = message.threadTs === null ? '' : `?thread_ts=${message.threadTs}&cid=${args.channel}`;
      const permalink = `${origin}/archives/${args.channel}/p${message.ts.replace('.', '')}${thread}`;
      return answer({ channel: args.channel, permalink });
    },
  ),
};

function postMessage(args: z.output<typeof Post>, world: World): MethodAnswer {
  const channel = postingChannel(args.channel, world);
  if (channel === null) return refuse('channel_not_found');
  if (!channel.isMember) return refuse('not_in_channel');
  const content = readContent(args, POST_TEXT_CHARACTERS, world);
  if (!content.ok) return content.refusal;
  const threadTs = args.thread_ts === undefined ? null : rootOf(channel.id, args.thread_ts, world);
  const broadcast = threadTs !== null && args.reply_broadcast === true;
  const message = world.messages.post({
    channel: channel.id,
    user: BOT_USER_ID,
    isBot: true,
    threadTs,
    broadcast,
    ...content.value,
  });
  return answer({ channel: channel.id, ts: message.ts, message: toApiMessage(message, world, true) });
}

function update(args: z.output<typeof Update>, world: World): MethodAnswer {
  const found = ownMessage(args.channel, args.ts, world, 'cant_update_message');
  if (!found.ok) return found.refusal;
  const before = found.message;
  const keepsBlocks = args.text === undefined && args.blocks === undefined;
  if (keepsBlocks && args.metadata === undefined && args.attachments === undefined) return refuse('no_text');
  const content = readContent(keepsBlocks ? { ...args, text: before.text } : args, UPDATE_TEXT_CHARACTERS, world);
  if (!content.ok) return content.refusal;
  const message = world.messages.edit(before, {
    text: args.text === undefined ? before.text : content.value.text,
    blocks: keepsBlocks ? before.blocks : content.value.blocks,
    ...(args.attachments === undefined ? {} : { attachments: content.value.attachments }),
    metadata: args.metadata === undefined ? before.metadata : content.value.metadata,
  });
  return answer({
    channel: args.channel,
    ts: args.ts,
    text: message.text,
    message: toApiMessage(message, world, true),
  });
}

function postEphemeral(args: z.output<typeof Ephemeral>, world: World): MethodAnswer {
  const channel = world.directory.channel(args.channel);
  if (channel === null) return refuse('channel_not_found');
  if (!channel.isMember) return refuse('not_in_channel');
  if (!channel.people.includes(args.user)) return refuse('user_not_in_channel');
  const content = readContent(args, POST_TEXT_CHARACTERS, world);
  if (!content.ok) return content.refusal;
  const { text, blocks } = content.value;
  const threadTs = args.thread_ts ?? null;
  const message = world.ephemerals.add({
    user: args.user,
    channel: channel.id,
    threadTs,
    text,
    blocks,
    source: 'chat.postEphemeral',
  });
  return answer({ message_ts: message.ts });
}

/** `chat.postMessage` takes a channel's id or name, and a person's id for a direct message. */
function postingChannel(nameOrId: string, { directory }: World): Channel | null {
  if (directory.user(nameOrId) !== null) return directory.openDm(nameOrId);
  const name = nameOrId.replace(/^#/, '');
  return directory.channel(nameOrId) ?? directory.channels().find((channel) => channel.name === name) ?? null;
}

/** A reply to a reply goes to the same root; a root that a person deleted keeps its thread. */
function rootOf(channel: string, threadTs: string, { messages }: World): string {
  return messages.find(channel, threadTs)?.threadTs ?? threadTs;
}

type Own = { ok: true; message: StoredMessage } | { ok: false; refusal: MethodAnswer };

function ownMessage(channel: string, ts: string, { directory, messages }: World, notYours: string): Own {
  if (directory.channel(channel) === null) return { ok: false, refusal: refuse('channel_not_found') };
  const message = messages.find(channel, ts);
  if (message === null) return { ok: false, refusal: refuse('message_not_found') };
  return message.user === BOT_USER_ID ? { ok: true, message } : { ok: false, refusal: refuse(notYours) };
}

type Readable = {
  text: string;
  blocks: readonly JsonObject[];
  attachments: readonly JsonObject[];
  metadata: Metadata | null;
};

/** The content of a message, checked against every limit that Slack has for it. */
function readContent(
  args: Content,
  maxTextCharacters: number,
  world: World,
): { ok: true; value: Readable } | { ok: false; refusal: MethodAnswer } {
  const text = args.text ?? '';
  const attachments = asObjects(args.attachments) ?? [];
  if (codePoints(text) > maxTextCharacters) return { ok: false, refusal: refuse('msg_too_long') };
  const refusal = args.blocks === undefined ? null : refuseBlocks(args.blocks, world.files);
  if (refusal !== null) return { ok: false, refusal };
  const blocks = asObjects(args.blocks) ?? [];
  if (text === '' && blocks.length === 0 && attachments.length === 0) return { ok: false, refusal: refuse('no_text') };
  const metadata = readMetadata(args.metadata);
  if (metadata === 'unreadable') return { ok: false, refusal: refuse('invalid_metadata_format') };
  return { ok: true, value: { text, blocks: withIds(blocks), attachments, metadata } };
}

function readMetadata(value: unknown): Metadata | null | 'unreadable' {
  if (value === undefined || value === null) return null;
  const parsed = z
    .object({ event_type: z.string().min(1), event_payload: z.custom<JsonObject>(isObject) })
    .safeParse(value);
  return parsed.success ? parsed.data : 'unreadable';
}

/** Slack gives every block without a `block_id` one of its own. */
function withIds(blocks: readonly JsonObject[]): readonly JsonObject[] {
  return blocks.map((block, index) =>
    typeof block['block_id'] === 'string' ? block : { ...block, block_id: `b${index}` },
  );
}
