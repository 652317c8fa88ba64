/** Who and what exists in the workspace: channels, people, groups, and the app itself. */
export type ChannelOption = { id: string; name: string; isMember?: boolean };
export type UserOption = { id: string; name: string };
export type UserGroup = { id: string; handle: string; users: readonly string[] };

export type Channel = {
  id: string;
  name: string;
  kind: 'channel' | 'dm';
  isMember: boolean;
  people: readonly string[];
};
export type User = { id: string; name: string; isBot: boolean };

export const TEAM_ID = 'T0WORKSPACE';
export const TEAM_DOMAIN = 'loopback';
export const APP_ID = 'A0MEMTRIAGE';
export const BOT_ID = 'B0MEMTRIAGE';
export const BOT_USER_ID = 'U0MEMTRIAGE';
/** The account in whose name Slack itself speaks to a person. */
export const SLACKBOT_ID = 'USLACKBOT';

export type Directory = {
  channel: (id: string) => Channel | null;
  channels: () => readonly Channel[];
  user: (id: string) => User | null;
  userNamed: (name: string) => User | null;
  users: () => readonly User[];
  userGroups: () => readonly UserGroup[];
  /** As a person does with /invite and /remove. */
  setMember: (channelId: string, isMember: boolean) => void;
  /** The direct message between the app and one person; the same one each time. */
  openDm: (userId: string) => Channel;
};

export function createDirectory(options: {
  channels: readonly ChannelOption[];
  users: readonly UserOption[];
  userGroups: readonly UserGroup[];
}): Directory {
  const people: User[] = options.users.map((user) => ({ ...user, isBot: false }));
  const users = new Map<string, User>();
  for (const user of people) users.set(user.id, user);
  users.set(BOT_USER_ID, { id: BOT_USER_ID, name: 'memtriage', isBot: true });
  users.set(SLACKBOT_ID, { id: SLACKBOT_ID, name: 'slackbot', isBot: true });
  const everyone = people.map((user) => user.id);
  const channels = new Map<string, Channel>();
  for (const { id, name, isMember = true } of options.channels) {
    channels.set(id, { id, name, kind: 'channel', isMember, people: everyone });
  }

  return {
    channel: (id) => channels.get(id) ?? null,
    channels: () => [...channels.values()],
    user: (id) => users.get(id) ?? null,
    userNamed: (name) => [...users.values()].find((user) => user.name === name) ?? null,
    users: () => [...users.values()],
    userGroups: () => options.userGroups,
    setMember: (channelId, isMember) => {
      const channel = channels.get(channelId);
      if (channel === undefined) throw new Error(`there is no channel ${channelId} in this workspace`);
      channels.set(channelId, { ...channel, isMember });
    },
    openDm: (userId) => {
      const id = `D${userId.slice(1)}`;
      const dm: Channel = channels.get(id) ?? { id, name: userId, kind: 'dm', isMember: true, people: [userId] };
      channels.set(id, dm);
      return dm;
    },
  };
}
