import type { JsonObject } from './json.ts';

export type Metadata = { event_type: string; event_payload: JsonObject };
type Reaction = { name: string; users: readonly string[] };

/** What a message said, and since when (epoch milliseconds). */
type MessageVersion = {
  at: number;
  text: string;
  blocks: readonly JsonObject[];
  attachments: readonly JsonObject[];
  metadata: Metadata | null;
};

/** Another app than ours. `username`: an incoming webhook's name of its own; null: it posts as its bot user. */
export type BotAuthor = { botId: string; username: string | null };

/** A message as it stands now. A snapshot: a later edit doesn't change it. */
export type StoredMessage = MessageVersion & {
  channel: string;
  ts: string;
  /** The root's `ts` for a reply, null for a root. */
  threadTs: string | null;
  /** A reply that is shown in the channel too (`reply_broadcast`). */
  broadcast: boolean;
  user: string;
  isBot: boolean;
  /** Null: a person, or our own app. */
  author: BotAuthor | null;
  files: readonly JsonObject[];
  reactions: readonly Reaction[];
  edits: number;
  /** True when the last edit shows "(edited)": text without blocks. */
  marksEdited: boolean;
  /** Every version, oldest first; the last one is what stands now. */
  history: readonly MessageVersion[];
  deleted: boolean;
};

type NewMessage = {
  channel: string;
  user: string;
  isBot: boolean;
  author?: BotAuthor;
  text: string;
  blocks?: readonly JsonObject[];
  metadata?: Metadata | null;
  threadTs?: string | null;
  broadcast?: boolean;
  files?: readonly JsonObject[];
  attachments?: readonly JsonObject[];
};

type Edit = Omit<MessageVersion, 'at' | 'attachments'> & Partial<Pick<MessageVersion, 'attachments'>>;

export type MessageChange = { kind: 'posted' | 'edited' | 'deleted' | 'reacted'; message: StoredMessage };

export type MessageStore = {
  post: (message: NewMessage) => StoredMessage;
  /** Without `attachments`, those that it has stay. */
  edit: (message: StoredMessage, changes: Edit) => StoredMessage;
  remove: (message: StoredMessage) => void;
  react: (message: StoredMessage, name: string, user: string) => void;
  /** A message that is still there. */
  find: (channel: string, ts: string) => StoredMessage | null;
  /** Every message that ever was, in the order of posting, deleted ones too. */
  everPosted: (channel: string) => readonly StoredMessage[];
  /** Replies that are still there, oldest first, without the root. */
  replies: (channel: string, rootTs: string) => readonly StoredMessage[];
  /** Calls back on every change; returns the way to stop it. */
  watch: (listener: (change: MessageChange) => void) => () => void;
};

export function createMessageStore(now: () => number): MessageStore {
  const channels = new Map<string, Map<string, StoredMessage>>();
  const listeners = new Set<(change: MessageChange) => void>();
  const nextTs = timestamps(now);

  function save(kind: MessageChange['kind'], message: StoredMessage): StoredMessage {
    const channel = channels.get(message.channel) ?? new Map<string, StoredMessage>();
    channels.set(message.channel, channel);
    channel.set(message.ts, message);
    for (const listener of listeners) listener({ kind, message });
    return message;
  }

  const everPosted = (channel: string): readonly StoredMessage[] => [...(channels.get(channel)?.values() ?? [])];

  return {
    post: (message) => save('posted', firstVersion(message, nextTs(), now())),
    edit: (message, changes) => {
      const version: MessageVersion = { attachments: message.attachments, ...changes, at: now() };
      const marksEdited = changes.blocks.length === 0;
      const history = [...message.history, version];
      return save('edited', { ...message, ...version, history, marksEdited, edits: message.edits + 1 });
    },
    remove: (message) => void save('deleted', { ...message, deleted: true }),
    react: (message, name, user) => {
      const before = message.reactions.find((reaction) => reaction.name === name);
      const others = message.reactions.filter((reaction) => reaction.name !== name);
      const reactions = [...others, { name, users: [...(before?.users ?? []), user] }];
      save('reacted', { ...message, reactions });
    },
    find: (channel, ts) => {
      const message = channels.get(channel)?.get(ts);
      return message === undefined || message.deleted ? null : message;
    },
    everPosted,
    replies: (channel, rootTs) => everPosted(channel).filter((m) => m.threadTs === rootTs && !m.deleted),
    watch: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function firstVersion(message: NewMessage, ts: string, at: number): StoredMessage {
  const { text, blocks = [], attachments = [], metadata = null } = message;
  return {
    channel: message.channel,
    ts,
    threadTs: message.threadTs ?? null,
    broadcast: message.broadcast ?? false,
    user: message.user,
    isBot: message.isBot,
    author: message.author ?? null,
    at,
    text,
    blocks,
    metadata,
    files: message.files ?? [],
    attachments,
    reactions: [],
    edits: 0,
    marksEdited: false,
    history: [{ at, text, blocks, attachments, metadata }],
    deleted: false,
  };
}

/** Slack's message timestamps: seconds with six digits, unique and rising within the workspace. */
export function timestamps(now: () => number): () => string {
  let last = 0;
  return () => {
    last = Math.max(last + 1, Math.floor(now() * 1000));
    return `${Math.floor(last / 1e6)}.${String(last % 1e6).padStart(6, '0')}`;
  };
}
