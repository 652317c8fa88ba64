/** A message event of Slack, and whether it can be an alert at all: where it stands, and who wrote it. Pure. */
import { z } from 'zod';

/** What a message says; its parts are read by message-text.ts, whatever is in them. */
const Content = z.object({
  text: z.string().nullish().catch(null),
  attachments: z.array(z.unknown()).nullish().catch(null),
  blocks: z.array(z.unknown()).nullish().catch(null),
});
export type MessageContent = z.infer<typeof Content>;

const Message = Content.extend({
  ts: z.string().regex(/^\d{1,12}\.\d{6}$/),
  subtype: z.string().nullish(),
  thread_ts: z.string().nullish(),
  bot_id: z.string().nullish(),
  user: z.string().nullish(),
  metadata: z.object({ event_type: z.string().nullish() }).nullish().catch(null),
});
type Message = z.infer<typeof Message>;

const Place = z.object({ channel: z.string(), subtype: z.string().nullish() });
const Changed = z.object({
  event_ts: z.string().regex(/^\d{1,12}\.\d{6}$/),
  message: Message,
  previous_message: Content.nullish().catch(null),
});

/** A root that another bot wrote. `ts`: Slack's id of it in its channel, seconds with six digits. */
export type BotPost = { channelId: string; ts: string; botId: string; content: MessageContent };

/** `before`: what the message said until it was edited; null: Slack does not tell. `at`: when it was, like a `ts`. */
export type ChannelEvent =
  | { kind: 'posted'; post: BotPost }
  | { kind: 'edited'; post: BotPost; before: MessageContent | null; at: string };

export type Readers = { channels: ReadonlySet<string>; ownBotId: string; ownUserId: string };

/** Of another installation of memtriage: two that read each other would talk for ever. */
const OURS = /^memtriage_/;

/**
 * Null: not to be read. Only roots of other bots in channels that the configuration names: never people, replies in
 * threads, joins and the like, and never what we, or another memtriage, wrote.
 */
export function readChannelEvent(event: unknown, { channels, ownBotId, ownUserId }: Readers): ChannelEvent | null {
  const place = Place.safeParse(event);
  if (!place.success || !channels.has(place.data.channel)) return null;
  const isEdit = place.data.subtype === 'message_changed';
  const changed = isEdit ? Changed.safeParse(event).data : undefined;
  const message = isEdit ? changed?.message : Message.safeParse(event).data;
  if (message === undefined || !isRootOfBot(message)) return null;
  if (message.bot_id === ownBotId || message.user === ownUserId || OURS.test(message.metadata?.event_type ?? '')) {
    return null;
  }
  const post = {
    channelId: place.data.channel,
    ts: message.ts,
    botId: message.bot_id ?? '',
    content: Content.parse(message),
  };
  return changed === undefined
    ? { kind: 'posted', post }
    : { kind: 'edited', post, before: changed.previous_message ?? null, at: changed.event_ts };
}

/** Incoming webhooks come as `bot_message`, bot users with a `bot_id` and no subtype. */
function isRootOfBot({ subtype, bot_id: botId, thread_ts: threadTs, ts }: Message): boolean {
  const isBot = subtype === 'bot_message' || (subtype == null && botId != null);
  return isBot && (threadTs == null || threadTs === ts);
}
