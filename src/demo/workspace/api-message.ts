import { APP_ID, BOT_ID, TEAM_ID } from './directory.ts';
import type { JsonObject } from './json.ts';
import type { StoredMessage } from './messages.ts';
import type { World } from './world.ts';

/**
 * A message in the shape of the Web API. Its metadata's payload is only there when it was asked for
 * (`include_all_metadata`) or when the caller has just written it.
 */
export function toApiMessage(
  message: StoredMessage,
  { messages }: Pick<World, 'messages'>,
  withPayload: boolean,
): JsonObject {
  const replies = message.threadTs === null ? messages.replies(message.channel, message.ts) : [];
  if (message.deleted) {
    const tombstone = { subtype: 'tombstone', hidden: true, user: 'USLACKBOT', text: 'This message was deleted.' };
    return { type: 'message', ts: message.ts, ...tombstone, ...threadFields(message, replies) };
  }
  return {
    type: 'message',
    ts: message.ts,
    ...authorFields(message),
    text: message.text,
    team: TEAM_ID,
    ...(message.blocks.length > 0 ? { blocks: message.blocks } : {}),
    ...(message.attachments.length > 0 ? { attachments: message.attachments } : {}),
    ...(message.files.length > 0 ? { files: message.files } : {}),
    ...(message.broadcast ? { subtype: 'thread_broadcast' } : {}),
    ...(message.marksEdited ? { edited: { user: message.user, ts: `${Math.floor(message.at / 1000)}.000000` } } : {}),
    ...metadataFields(message, withPayload),
    ...(message.reactions.length > 0
      ? { reactions: message.reactions.map((r) => ({ ...r, count: r.users.length })) }
      : {}),
    ...threadFields(message, replies),
  };
}

/** A webhook with a name of its own is no user. */
function authorFields({ user, isBot, author }: StoredMessage): JsonObject {
  if (author === null) return isBot ? { user, bot_id: BOT_ID, app_id: APP_ID } : { user };
  const { botId, username } = author;
  return username === null ? { user, bot_id: botId } : { subtype: 'bot_message', username, bot_id: botId };
}

function metadataFields({ metadata }: StoredMessage, withPayload: boolean): JsonObject {
  if (metadata === null) return {};
  return { metadata: withPayload ? metadata : { event_type: metadata.event_type } };
}

function threadFields(message: StoredMessage, replies: readonly StoredMessage[]): JsonObject {
  if (message.threadTs !== null) return { thread_ts: message.threadTs };
  const last = replies.at(-1);
  if (last === undefined) return {};
  const users = [...new Set(replies.map((reply) => reply.user))];
  return {
    thread_ts: message.ts,
    reply_count: replies.length,
    reply_users_count: users.length,
    reply_users: users.slice(0, 5),
    latest_reply: last.ts,
  };
}
