/** Other apps that post, and the events by which Slack tells our app of messages in its channels. */
import { toApiMessage } from './api-message.ts';
import type { Ack } from './delivery.ts';
import type { JsonObject } from './json.ts';
import type { BotAuthor, MessageChange, StoredMessage } from './messages.ts';
import type { Outbox } from './outbox.ts';
import type { World } from './world.ts';

type BotContent = {
  text?: string;
  attachments?: readonly JsonObject[];
  blocks?: readonly JsonObject[];
};

/** `ack`: how our app took the first delivery of the event; null: it is told of no messages there. */
export type BotPosted = { message: StoredMessage; ack: Ack | null };

export type Bots = {
  postAsBot: (input: BotAuthor & BotContent & { channel: string; threadTs?: string }) => Promise<BotPosted>;
  /** The same app edits what it posted. */
  editAsBot: (message: StoredMessage, content: BotContent) => Promise<BotPosted>;
};

/** `isTold`: our app is subscribed to messages: it hears of everybody's in its channels, its own too. */
export function createBots(world: World, outbox: Outbox, isTold: boolean): Bots {
  const acks = new WeakMap<StoredMessage, Promise<Ack>>();
  if (isTold) {
    world.messages.watch((change) => {
      const channel = world.directory.channel(change.message.channel);
      if (channel?.kind !== 'channel' || !channel.isMember) return;
      const event = messageEvent(change, world);
      if (event !== null) acks.set(change.message, outbox.sendEvent(event));
    });
  }
  const posted = async (message: StoredMessage): Promise<BotPosted> => ({
    message,
    ack: (await acks.get(message)) ?? null,
  });
  return {
    postAsBot: async ({ botId, username, channel, threadTs = null, text = '', ...content }) =>
      await posted(
        world.messages.post({
          channel,
          user: `U${botId.slice(1)}`,
          isBot: true,
          author: { botId, username },
          text,
          threadTs,
          ...content,
        }),
      ),
    editAsBot: async (before, { text = '', blocks = [], attachments = [] }) =>
      await posted(world.messages.edit(before, { text, blocks, attachments, metadata: before.metadata })),
  };
}

/** Null: of reactions Slack tells by events of their own. */
function messageEvent({ kind, message }: MessageChange, world: World): JsonObject | null {
  if (kind === 'reacted') return null;
  const shown = toApiMessage(message, world, true);
  const place = { type: 'message', channel: message.channel, channel_type: 'channel' };
  if (kind === 'posted') return { ...shown, ...place, event_ts: message.ts };
  const ts = (world.now() / 1000).toFixed(6);
  const change = { ...place, hidden: true, ts, event_ts: ts };
  if (kind === 'deleted') return { ...change, subtype: 'message_deleted', deleted_ts: message.ts };
  const before = message.history.at(-2);
  if (before === undefined) return null;
  const previous = toApiMessage({ ...message, ...before }, world, true);
  return { ...change, subtype: 'message_changed', message: shown, previous_message: previous };
}
