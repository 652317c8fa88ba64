import { toApiMessage } from './api-message.ts';
import { type Ack } from './delivery.ts';
import { BOT_USER_ID, type Channel, SLACKBOT_ID, type User } from './directory.ts';
import { findElement, toAction } from './elements.ts';
import type { EphemeralMessage } from './ephemerals.ts';
import { type JsonObject } from './json.ts';
import type { StoredMessage } from './messages.ts';
import { type Outbox, saidIn } from './outbox.ts';
import { type Click, commandPayload, messageActionPayload, messageShortcutPayload } from './payloads.ts';
import type { Origin, ResponseUrls } from './response-urls.ts';
import type { World } from './world.ts';

/** How the app answered to something a person did. */
export type AppAnswer = {
  acked: boolean;
  ackMs: number;
  /** What the acknowledgement itself showed to the person; null when it was empty or missing. */
  response: EphemeralMessage | null;
  /** What Slack says where the app didn't answer in 3 s, or wasn't there. */
  error: 'dispatch_failed' | 'operation_timeout' | null;
};

type Where = { user: string; channel: string };

/** What a person does in a channel. A wrong id is a mistake in the script and throws. */
export type People = {
  command: (input: Where & { text: string; command?: string }) => Promise<AppAnswer>;
  /** Presses the button, or picks `value` from the select, that the message really has. */
  press: (input: Where & { messageTs: string; actionId: string; value?: string }) => Promise<AppAnswer>;
  /** Says something with the bot's name before it. */
  mention: (input: Where & { text: string; threadTs?: string }) => Promise<AppAnswer & { ts: string }>;
  /** Says something that isn't for the bot. */
  say: (input: Where & { text: string; threadTs?: string }) => StoredMessage;
  messageShortcut: (input: Where & { messageTs: string; callbackId: string }) => Promise<AppAnswer>;
  deleteMessage: (input: { channel: string; ts: string }) => void;
};

export function createPeople(world: World, outbox: Outbox, responseUrls: ResponseUrls): People {
  const { directory, messages, ephemerals, views } = world;

  function click(where: Where, origin: Origin): Click {
    const user = knownUser(where.user, world);
    const channel = knownChannel(where.channel, world);
    const responseUrl = responseUrls.create(user.id, channel.id, origin);
    return { user, channel, triggerId: views.newTrigger(user.id), responseUrl };
  }

  /** Shows what the acknowledgement said, or Slack's complaint about a missing one. */
  function react(where: Where, ack: Ack, failure: string): AppAnswer {
    if (!ack.acked) {
      const text = `${failure} failed with the error "${ack.error}"`;
      ephemerals.add({ ...where, threadTs: null, text, blocks: [], source: 'slack' });
      return { acked: false, ackMs: ack.ackMs, response: null, error: ack.error };
    }
    const said = saidIn(ack.body);
    const reaction = { acked: true, ackMs: ack.ackMs, error: null };
    if (said === null) return { ...reaction, response: null };
    const { inChannel, ...content } = said;
    if (inChannel) {
      messages.post({ channel: where.channel, user: BOT_USER_ID, isBot: true, ...content });
      return { ...reaction, response: null };
    }
    return { ...reaction, response: ephemerals.add({ ...where, threadTs: null, ...content, source: 'ack' }) };
  }

  return {
    command: async ({ text, command = '/memtriage', ...where }) => {
      const payload = commandPayload(click(where, null), command, escapeNames(text, world));
      return react(where, await outbox.send('slash_commands', payload), command);
    },
    press: async ({ messageTs, actionId, value, ...where }) => {
      const { target, blocks, origin } = pressable(where, messageTs, world);
      const action = toAction(findElement(blocks, actionId), value, messageTs);
      const payload = messageActionPayload(click(where, origin), target, action);
      return react(where, await outbox.send('interactive', payload), 'This action');
    },
    mention: async ({ text, threadTs = null, ...where }) => {
      const message = messages.post({
        ...where,
        isBot: false,
        threadTs,
        text: `<@${BOT_USER_ID}> ${escapeNames(text, world)}`,
      });
      const event = {
        ...toApiMessage(message, world, false),
        type: 'app_mention',
        channel: where.channel,
        event_ts: message.ts,
      };
      const ack = await outbox.sendEvent(event);
      return { ...silent(ack), ts: message.ts };
    },
    say: ({ text, threadTs = null, ...where }) =>
      messages.post({ ...where, isBot: false, threadTs, text: escapeNames(text, world) }),
    messageShortcut: async ({ messageTs, callbackId, ...where }) => {
      const message = messages.find(where.channel, messageTs);
      if (message === null) throw new Error(`there is no message ${messageTs} in ${where.channel}`);
      const payload = messageShortcutPayload(
        click(where, { message }),
        callbackId,
        toApiMessage(message, world, false),
      );
      return react(where, await outbox.send('interactive', payload), 'This shortcut');
    },
    deleteMessage: ({ channel, ts }) => {
      const message = messages.find(knownChannel(channel, { directory }).id, ts);
      if (message === null) throw new Error(`there is no message ${ts} in ${channel}`);
      messages.remove(message);
    },
  };
}

/** An event is acknowledged without words, and nobody is told when it isn't. */
function silent(ack: Ack): AppAnswer {
  return { acked: ack.acked, ackMs: ack.ackMs, response: null, error: ack.acked ? null : ack.error };
}

function pressable(
  { user, channel }: Where,
  ts: string,
  world: World,
): { target: Parameters<typeof messageActionPayload>[1]; blocks: readonly JsonObject[]; origin: Origin } {
  const message = world.messages.find(channel, ts);
  if (message !== null) {
    const shown = toApiMessage(message, world, false);
    const target = { ts, threadTs: message.threadTs, isEphemeral: false, message: shown };
    return { target, blocks: message.blocks, origin: { message } };
  }
  const ephemeral = world.ephemerals.find(user, ts);
  if (ephemeral === null) throw new Error(`${user} sees no message ${ts} in ${channel}`);
  const target = { ts, threadTs: ephemeral.threadTs, isEphemeral: true, message: null };
  return { target, blocks: ephemeral.blocks, origin: { ephemeral } };
}

export function knownUser(id: string, { directory }: Pick<World, 'directory'>): User {
  const user = directory.user(id);
  if (user === null) throw new Error(`there is no user ${id} in this workspace`);
  return user;
}

function knownChannel(id: string, { directory }: Pick<World, 'directory'>): Channel {
  const channel = directory.channel(id);
  if (channel === null) throw new Error(`there is no channel ${id} in this workspace`);
  return channel;
}

/** What the client sends for `@alice` and `#oncall` (manifest: `should_escape`). */
function escapeNames(text: string, { directory }: World): string {
  return text
    .replace(/(?<![\w<])@([\w.-]+)/g, (whole, name: string) => {
      const user = directory.userNamed(name);
      return user === null || user.id === SLACKBOT_ID ? whole : `<@${user.id}|${name}>`;
    })
    .replace(/(?<![\w<])#([\w-]+)/g, (whole, name: string) => {
      const channel = directory.channels().find((known) => known.name === name);
      return channel === undefined ? whole : `<#${channel.id}|${name}>`;
    });
}
