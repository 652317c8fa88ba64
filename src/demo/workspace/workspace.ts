/**
 * A Slack workspace on loopback: the Web API, Socket Mode, HTTP mode, response URLs and uploads, as the real one
 * speaks and limits them, in one process and in memory. The demo shows it in place of Slack, tests make it misbehave.
 */
import { type Bots, createBots } from './bots.ts';
import { BOT_USER_ID, type ChannelOption, createDirectory, type UserGroup, type UserOption } from './directory.ts';
import { createEphemeralStore, type EphemeralMessage } from './ephemerals.ts';
import { createFaults, type Faults } from './faults.ts';
import { createFileStore } from './files.ts';
import { createHttpDelivery } from './http-delivery.ts';
import { createMessageStore, type MessageChange, type StoredMessage, timestamps } from './messages.ts';
import { createModals, type Modals } from './modals.ts';
import { createOutbox, EVENT_RETRY_DELAYS_MS, type Outbox } from './outbox.ts';
import { createPeople, type People } from './people.ts';
import { createRateLimits } from './rate-limits.ts';
import { type RenderOptions, renderEphemeral, renderThread } from './render/thread.ts';
import { createResponseUrls } from './response-urls.ts';
import { listen, serveRequests } from './server.ts';
import type { DisconnectReason } from './socket-roster.ts';
import { createSocketHub, type SocketHub } from './sockets.ts';
import { createViewStore } from './views.ts';
import type { Call } from './web-api.ts';
import type { World } from './world.ts';

export type WorkspaceOptions = {
  /** Default: a free port of 127.0.0.1. */
  port?: number;
  botToken?: string;
  appToken?: string;
  signingSecret?: string;
  /** Default: C0ONCALL oncall and C0PAY payments, with the app in both. */
  channels?: readonly ChannelOption[];
  /** Default: U0ALICE alice and U0BOB bob. */
  users?: readonly UserOption[];
  userGroups?: readonly UserGroup[];
  /** The app is subscribed to the messages of its channels (`message.channels`). Default: false. */
  tellsOfMessages?: boolean;
  /** How envelopes reach the app. Default: Socket Mode. */
  mode?: { kind: 'socket' } | { kind: 'http'; requestUrl: string };
  /** Answer 429 as Slack does: one post a second per channel, tiers for the other methods. Default: false. */
  enforceRateLimits?: boolean;
  eventRetryDelaysMs?: readonly number[];
  /** Epoch milliseconds. */
  now?: () => number;
};

export type Workspace = People &
  Bots &
  Modals & {
    /** What `SLACK_API_URL` is set to; ends in `/api/`. */
    apiUrl: string;
    botToken: string;
    appToken: string;
    signingSecret: string;
    botUserId: string;
    /** Roots that a person sees in the channel, oldest first, as they stand now. */
    messages: (channel: string) => readonly StoredMessage[];
    /** The root, unless deleted, and its replies. */
    thread: (channel: string, rootTs: string) => readonly StoredMessage[];
    /** Every message that was ever posted there, replies and deleted ones too. */
    everPosted: (channel: string) => readonly StoredMessage[];
    ephemerals: (user: string) => readonly EphemeralMessage[];
    /** The thread as plain text for a terminal, as a person in Slack sees it. */
    renderThread: (channel: string, rootTs: string, options?: RenderOptions) => string;
    renderEphemeral: (message: EphemeralMessage, options?: RenderOptions) => string;
    /** Calls back whenever a message is posted, edited or deleted; returns the way to stop it. */
    watch: (listener: (change: MessageChange) => void) => () => void;
    /** Every HTTP call of the app, in the order of the answers. */
    calls: () => readonly Call[];
    faults: Faults;
    /** As /invite and /remove do. */
    setMember: (channel: string, isMember: boolean) => void;
    redeliver: Outbox['redeliver'];
    socketCount: () => number;
    waitForSockets: (count: number, timeoutMs?: number) => Promise<void>;
    /** Default: every socket, `refresh_requested`. */
    disconnectSockets: (reason?: DisconnectReason, howMany?: number) => void;
    dropSockets: () => void;
    refuseSockets: (isOn: boolean) => void;
    close: () => Promise<void>;
  };

type Settings = Required<Pick<WorkspaceOptions, 'botToken' | 'appToken' | 'signingSecret' | 'channels' | 'users'>> &
  WorkspaceOptions;

const DEFAULTS = {
  botToken: 'xoxb-loopback-bot',
  appToken: 'xapp-loopback-app',
  signingSecret: 'loopback-signing-secret',
  channels: [
    { id: 'C0ONCALL', name: 'oncall' },
    { id: 'C0PAY', name: 'payments' },
  ],
  users: [
    { id: 'U0ALICE', name: 'alice' },
    { id: 'U0BOB', name: 'bob' },
  ],
} as const;

/** Starts a workspace; `close` it. */
export async function startWorkspace(options: WorkspaceOptions = {}): Promise<Workspace> {
  const now = options.now ?? Date.now;
  const settings: Settings = { ...DEFAULTS, ...options };
  const closing = new AbortController();
  const http = await listen(options.port ?? 0);
  const sockets = createSocketHub(http.origin, now);
  const world = createWorld(settings, http.origin, sockets, now);
  const faults = createFaults();
  const calls: Call[] = [];
  const responseUrls = createResponseUrls(world);
  const limits = options.enforceRateLimits === true ? createRateLimits(now) : null;
  serveRequests(http, world, { faults, limits, closing: closing.signal, calls }, responseUrls);
  const outbox = createOutbox({
    deliver: deliverBy(options.mode, settings.signingSecret, now, closing.signal, sockets),
    now,
    closing: closing.signal,
    eventRetryDelaysMs: options.eventRetryDelaysMs ?? EVENT_RETRY_DELAYS_MS,
  });

  return {
    ...createPeople(world, outbox, responseUrls),
    ...createBots(world, outbox, options.tellsOfMessages === true),
    ...createModals(world, outbox, now),
    ...inspect(world),
    ...controlSockets(sockets),
    apiUrl: `${http.origin}/api/`,
    botToken: settings.botToken,
    appToken: settings.appToken,
    signingSecret: settings.signingSecret,
    botUserId: BOT_USER_ID,
    calls: () => calls,
    faults,
    setMember: world.directory.setMember,
    redeliver: outbox.redeliver,
    close: async () => {
      closing.abort();
      sockets.close();
      await http.close();
    },
  };
}

function createWorld(settings: Settings, origin: string, sockets: SocketHub, now: () => number): World {
  return {
    now,
    origin,
    tokens: { bot: settings.botToken, app: settings.appToken },
    directory: createDirectory({ userGroups: [], ...settings }),
    messages: createMessageStore(now),
    ephemerals: createEphemeralStore(timestamps(now)),
    views: createViewStore(now),
    files: createFileStore(now),
    sockets,
  };
}

function deliverBy(
  mode: WorkspaceOptions['mode'],
  signingSecret: string,
  now: () => number,
  closing: AbortSignal,
  sockets: SocketHub,
): SocketHub['deliver'] {
  if (mode?.kind !== 'http') return sockets.deliver;
  return createHttpDelivery({ requestUrl: mode.requestUrl, signingSecret, now, closing });
}

function inspect(
  world: World,
): Pick<Workspace, 'messages' | 'thread' | 'everPosted' | 'ephemerals' | 'renderThread' | 'renderEphemeral' | 'watch'> {
  const { messages, ephemerals } = world;

  function thread(channel: string, rootTs: string): readonly StoredMessage[] {
    const root = messages.find(channel, rootTs);
    return [...(root === null ? [] : [root]), ...messages.replies(channel, rootTs)];
  }

  return {
    messages: (channel) => messages.everPosted(channel).filter((one) => one.threadTs === null && !one.deleted),
    thread,
    everPosted: messages.everPosted,
    ephemerals: ephemerals.of,
    renderThread: (channel, rootTs, options) =>
      renderThread(channel, thread(channel, rootTs), world.directory, options),
    renderEphemeral: (message, options) => renderEphemeral(message, world.directory, options),
    watch: messages.watch,
  };
}

function controlSockets(
  sockets: SocketHub,
): Pick<Workspace, 'socketCount' | 'waitForSockets' | 'disconnectSockets' | 'dropSockets' | 'refuseSockets'> {
  return {
    socketCount: sockets.count,
    waitForSockets: (count, timeoutMs = 10_000) => sockets.waitFor(count, timeoutMs),
    disconnectSockets: (reason = 'refresh_requested', howMany = Number.POSITIVE_INFINITY) =>
      sockets.disconnect(reason, howMany),
    dropSockets: sockets.drop,
    refuseSockets: sockets.refuse,
  };
}
