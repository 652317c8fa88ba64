import { z } from 'zod';
import { toApiMessage } from '../api-message.ts';
import { type Channel, TEAM_ID } from '../directory.ts';
import type { JsonObject } from '../json.ts';
import type { StoredMessage } from '../messages.ts';
import { answer, botMethod, Count, Flag, type MethodAnswer, type MethodTable, refuse, Text } from '../method.ts';
import type { World } from '../world.ts';

const Page = z.object({ cursor: Text.optional(), limit: Count.optional() });
const Period = Page.extend({
  channel: Text,
  oldest: Text.optional(),
  latest: Text.optional(),
  inclusive: Flag.optional(),
  include_all_metadata: Flag.optional(),
});
type Period = z.output<typeof Period>;

const HISTORY_LIMIT = { usual: 100, most: 999 };
const REPLIES_LIMIT = { usual: 1000, most: 1000 };

export const conversationMethods: MethodTable = {
  'conversations.history': botMethod(Period, (args, world) => {
    const refusal = readable(args.channel, world);
    if (refusal !== null) return refusal;
    const shown = world.messages.everPosted(args.channel).filter((message) => isInChannel(message, world));
    return page(shown.filter((message) => isWithin(message, args)).reverse(), args, HISTORY_LIMIT, world);
  }),
  'conversations.replies': botMethod(Period.extend({ ts: Text }), (args, world) => {
    const refusal = readable(args.channel, world);
    if (refusal !== null) return refusal;
    const all = world.messages.everPosted(args.channel);
    const asked = all.find((message) => message.ts === args.ts);
    const root = all.find((message) => message.ts === (asked?.threadTs ?? args.ts));
    if (root === undefined || !isInChannel(root, world)) return refuse('thread_not_found');
    const replies = world.messages.replies(args.channel, root.ts).filter((message) => isWithin(message, args));
    return page([root, ...replies], args, REPLIES_LIMIT, world);
  }),
  'conversations.info': botMethod(z.object({ channel: Text }), (args, { directory }) => {
    const channel = directory.channel(args.channel);
    return channel === null ? refuse('channel_not_found') : answer({ channel: toApiChannel(channel) });
  }),
  'conversations.list': botMethod(z.object({}), (_args, { directory }) =>
    answer({
      channels: directory
        .channels()
        .filter(({ kind }) => kind === 'channel')
        .map(toApiChannel),
      response_metadata: { next_cursor: '' },
    }),
  ),
  'conversations.members': botMethod(z.object({ channel: Text }), (args, { directory }) => {
    const channel = directory.channel(args.channel);
    if (channel === null) return refuse('channel_not_found');
    return answer({ members: channel.people, response_metadata: { next_cursor: '' } });
  }),
  'conversations.open': botMethod(z.object({ users: Text }), (args, { directory }) => {
    if (args.users.includes(',')) return refuse('not_supported_here');
    if (directory.user(args.users) === null) return refuse('user_not_found');
    return answer({ channel: { id: directory.openDm(args.users).id } });
  }),
};

function readable(channelId: string, { directory }: World): MethodAnswer | null {
  const channel = directory.channel(channelId);
  if (channel === null) return refuse('channel_not_found');
  return channel.isMember ? null : refuse('not_in_channel');
}

/** Roots and broadcast replies; a deleted root stays as a tombstone while it has replies. */
function isInChannel(message: StoredMessage, { messages }: World): boolean {
  if (message.threadTs !== null) return message.broadcast && !message.deleted;
  return !message.deleted || messages.replies(message.channel, message.ts).length > 0;
}

function isWithin({ ts }: StoredMessage, { oldest, latest, inclusive = false }: Period): boolean {
  const isYoungEnough = oldest === undefined || Number(ts) > Number(oldest) || (inclusive && ts === oldest);
  const isOldEnough = latest === undefined || Number(ts) < Number(latest) || (inclusive && ts === latest);
  return isYoungEnough && isOldEnough;
}

function page(
  messages: readonly StoredMessage[],
  { cursor, limit, include_all_metadata: withPayload = false }: Period,
  limits: { usual: number; most: number },
  world: World,
): MethodAnswer {
  const from = cursor === undefined || cursor === '' ? 0 : Number(Buffer.from(cursor, 'base64').toString('utf8'));
  if (!Number.isSafeInteger(from)) return refuse('invalid_cursor');
  const to = from + Math.min(limit ?? limits.usual, limits.most);
  const hasMore = to < messages.length;
  return answer({
    messages: messages.slice(from, to).map((message) => toApiMessage(message, world, withPayload)),
    has_more: hasMore,
    ...(hasMore ? { response_metadata: { next_cursor: Buffer.from(String(to)).toString('base64') } } : {}),
  });
}

function toApiChannel({ id, name, kind, isMember, people }: Channel): JsonObject {
  if (kind === 'dm') return { id, is_im: true, user: people[0], is_channel: false, context_team_id: TEAM_ID };
  return {
    id,
    name,
    name_normalized: name,
    is_channel: true,
    is_im: false,
    is_private: false,
    is_archived: false,
    is_member: isMember,
    num_members: people.length,
    context_team_id: TEAM_ID,
  };
}
