import type { JsonObject } from './json.ts';

/** A message that only one person sees. */
export type EphemeralMessage = {
  user: string;
  channel: string;
  ts: string;
  threadTs: string | null;
  text: string;
  blocks: readonly JsonObject[];
  /** `slack`: Slack's own words, such as "failed with the error operation_timeout". */
  source: 'ack' | 'response_url' | 'chat.postEphemeral' | 'slack';
  deleted: boolean;
};

export type EphemeralStore = {
  add: (message: Omit<EphemeralMessage, 'ts' | 'deleted'>) => EphemeralMessage;
  replace: (message: EphemeralMessage, content: { text: string; blocks: readonly JsonObject[] }) => EphemeralMessage;
  remove: (message: EphemeralMessage) => void;
  /** What the person sees now, oldest first. */
  of: (user: string) => readonly EphemeralMessage[];
  find: (user: string, ts: string) => EphemeralMessage | null;
};

export function createEphemeralStore(nextTs: () => string): EphemeralStore {
  const messages = new Map<string, EphemeralMessage>();

  function save(message: EphemeralMessage): EphemeralMessage {
    messages.set(message.ts, message);
    return message;
  }

  const of = (user: string): readonly EphemeralMessage[] =>
    [...messages.values()].filter((message) => message.user === user && !message.deleted);
  return {
    add: (message) => save({ ...message, ts: nextTs(), deleted: false }),
    replace: (message, content) => save({ ...message, ...content }),
    remove: (message) => void save({ ...message, deleted: true }),
    of,
    find: (user, ts) => of(user).find((message) => message.ts === ts) ?? null,
  };
}
