import { z } from 'zod';
import { BOT_USER_ID, TEAM_ID, type User } from '../directory.ts';
import type { JsonObject } from '../json.ts';
import { answer, botMethod, Flag, type MethodTable, refuse, Text } from '../method.ts';

export const peopleMethods: MethodTable = {
  'users.info': botMethod(z.object({ user: Text }), (args, { directory }) => {
    const user = directory.user(args.user);
    return user === null ? refuse('user_not_found') : answer({ user: toApiUser(user) });
  }),
  // Everybody's address is their name at example.com.
  'users.lookupByEmail': botMethod(z.object({ email: Text }), (args, { directory }) => {
    const user = directory.users().find(({ name, isBot }) => !isBot && `${name}@example.com` === args.email);
    return user === undefined ? refuse('users_not_found') : answer({ user: toApiUser(user) });
  }),
  'users.list': botMethod(z.object({}), (_args, { directory }) =>
    answer({ members: directory.users().map(toApiUser), response_metadata: { next_cursor: '' } }),
  ),
  'usergroups.list': botMethod(z.object({ include_users: Flag.optional() }), (args, { directory }) =>
    answer({
      usergroups: directory.userGroups().map(({ id, handle, users }) => ({
        id,
        team_id: TEAM_ID,
        is_usergroup: true,
        name: handle,
        handle,
        user_count: users.length,
        ...(args.include_users === true ? { users } : {}),
      })),
    }),
  ),
  'usergroups.users.list': botMethod(z.object({ usergroup: Text }), (args, { directory }) => {
    const group = directory.userGroups().find(({ id }) => id === args.usergroup);
    return group === undefined ? refuse('no_such_subteam') : answer({ users: group.users });
  }),
  'reactions.add': botMethod(z.object({ channel: Text, timestamp: Text, name: Text }), (args, world) => {
    if (world.directory.channel(args.channel) === null) return refuse('channel_not_found');
    const message = world.messages.find(args.channel, args.timestamp);
    if (message === null) return refuse('message_not_found');
    const name = args.name.replaceAll(':', '');
    const isThere = message.reactions.some((r) => r.name === name && r.users.includes(BOT_USER_ID));
    if (isThere) return refuse('already_reacted');
    world.messages.react(message, name, BOT_USER_ID);
    return answer();
  }),
};

function toApiUser({ id, name, isBot }: User): JsonObject {
  const profile = { real_name: name, display_name: name };
  return {
    id,
    team_id: TEAM_ID,
    name,
    real_name: name,
    deleted: false,
    is_bot: isBot,
    tz: 'Etc/UTC',
    tz_offset: 0,
    profile,
  };
}
