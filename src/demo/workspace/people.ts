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

type Tools = { world: World; outbox: Outbox; responseUrls: ResponseUrls };

export function createPeople(world: World, outbox: Outbox, responseUrls: ResponseUrls): People {
  const tools = { world, outbox, responseUrls };
  return {
    command: (input) => typeCommand(input, tools),
    press: (input) => press(input, tools),
    mention: (input) => mention(input, tools),
    say: ({ text, threadTs = null, ...where }) =>
      world.messages.post({ ...where, isBot: false, threadTs, text: escapeNames(text, world) }),
    messageShortcut: (input) => useShortcut(input, tools),
    deleteMessage: ({ channel, ts }) => {
      const message = world.messages.find(knownChannel(channel, world).id, ts);
      if (message === null) throw new Error(`there is no message ${ts} in ${channel}`);
      world.messages.remove(message);
    },
  };
}

async function typeCommand(
  { text, command = '/memtriage', ...where }: Parameters<People['command']>[0],
  tools: Tools,
): Promise<AppAnswer> {
  const payload = commandPayload(click(where, null, tools), command, escapeNames(text, tools.world));
  return shown(where, await tools.outbox.send('slash_commands', payload), command, tools.world);
}

async function press(
  { messageTs, actionId, value, ...where }: Parameters<People['press']>[0],
  tools: Tools,
): Promise<AppAnswer> {
  const { target, blocks, origin } = pressable(where, messageTs, tools.world);
  const action = toAction(findElement(blocks, actionId), value, String(tools.world.now() / 1000));
  const payload = messageActionPayload(click(where, origin, tools), target, action);
  return shown(where, await tools.outbox.send('interactive', payload), 'This action', tools.world);
}

async function mention(
  { text, threadTs, ...where }: Parameters<People['mention']>[0],
  { world, outbox }: Tools,
): Promise<AppAnswer & { ts: string }> {
  const said = `<@${BOT_USER_ID}> ${escapeNames(text, world)}`;
  const message = world.messages.post({ ...where, isBot: false, threadTs: threadTs ?? null, text: said });
  const { channel, ts } = message;
  const ack = await outbox.sendEvent({
    ...toApiMessage(message, world, false),
    type: 'app_mention',
    channel,
    event_ts: ts,
  });
  return { ...silent(ack), ts };
}

async function useShortcut(
  { messageTs, callbackId, ...where }: Parameters<People['messageShortcut']>[0],
  tools: Tools,
): Promise<AppAnswer> {
  const message = tools.world.messages.find(where.channel, messageTs);
  if (message === null) throw new Error(`there is no message ${messageTs} in ${where.channel}`);
  const target = toApiMessage(message, tools.world, false);
  const payload = messageShortcutPayload(click(where, { message }, tools), callbackId, target);
  return shown(where, await tools.outbox.send('interactive', payload), 'This shortcut', tools.world);
}

function click(where: Where, origin: Origin, { world, responseUrls }: Tools): Click {
  const user = knownUser(where.user, world);
  const channel = knownChannel(where.channel, world);
  const responseUrl = responseUrls.create(user.id, channel.id, origin);
  return { user, channel, triggerId: world.views.newTrigger(user.id), responseUrl };
}

/** Shows what the acknowledgement said, or Slack's complaint about a missing one. */
function shown(where: Where, ack: Ack, what: string, { ephemerals, messages }: World): AppAnswer {
  if (!ack.acked) {
    const text = `${what} failed with the error "${ack.error}"`;
    ephemerals.add({ ...where, threadTs: null, text, blocks: [], source: 'slack' });
    return silent(ack);
  }
  const said = saidIn(ack.body);
  if (said === null) return silent(ack);
  const { inChannel, ...content } = said;
  if (!inChannel) {
    return { ...silent(ack), response: ephemerals.add({ ...where, threadTs: null, ...content, source: 'ack' }) };
  }
  messages.post({ channel: where.channel, user: BOT_USER_ID, isBot: true, ...content });
  return silent(ack);
}

/** An acknowledgement without words. */
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
