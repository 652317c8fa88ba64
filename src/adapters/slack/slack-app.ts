import type { RequestListener } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { App, LogLevel } from '@slack/bolt';
import type { Logger } from 'pino';
import { type Asked, answerCommand } from './answer-command.ts';
import type { CommandDesk } from './command-desk.ts';
import { createMembership, type Membership } from './membership.ts';
import { type ActionParts, listenToActions } from './slack-actions.ts';
import { identify, type SlackIdentity } from './slack-identity.ts';
import { createInbound, type InboundOptions } from './slack-inbound.ts';
import { toSlackLogger } from './slack-logger.ts';
import { REQUEST_TIMEOUT_MS, type SlackWeb } from './slack-web.ts';

export type SlackAppOptions = InboundOptions &
  Pick<ActionParts, 'actions' | 'isFirst' | 'whyUnable'> & {
    botToken: string;
    desk: CommandDesk;
    /** Takes every message event that Slack brings; null or absent: none is listened to. */
    channelReader?: ChannelReader | null;
    web: SlackWeb;
    /** Ends the wait for a Slack that does not answer at the start. */
    signal: AbortSignal;
  };

export type ChannelReader = {
  /** Rejects when it could not be stored: it is not acknowledged then, and Slack brings it again. */
  take(event: unknown, own: SlackIdentity): Promise<void>;
};

export type SlackApp = {
  identity: SlackIdentity;
  /** HTTP mode: answers `POST /slack/events`, for a server that has other paths too. Null in Socket Mode. */
  requestListener: RequestListener | null;
  /** HTTP mode with a port of its own: that port. */
  port: number | null;
  /** No new commands; those under way are answered first, within 5 s. Safe to repeat. */
  close(): Promise<void>;
};

const DRAIN_MS = 5000;

/**
 * Slash commands, mentions and presses of buttons in, answers out. Waits for Slack while it does not answer; throws a `CommandError`
 * when Slack refuses the token, or when neither an app token nor a signing secret was given.
 */
export async function startSlackApp(options: SlackAppOptions): Promise<SlackApp> {
  const { web, logger, signal } = options;
  const inbound = createInbound(options);
  const identity = await identify(web, logger, signal);
  const app = new App({
    receiver: inbound.first,
    authorize: async () => ({ botToken: options.botToken, botId: identity.botId, botUserId: identity.botUserId }),
    logger: toSlackLogger(logger),
    logLevel: LogLevel.INFO,
    convoStore: false,
    extendedErrorHandler: true,
    // An object of its own: socket-mode writes its retries into the one that it is given.
    clientOptions: {
      ...apiUrl(options),
      timeout: REQUEST_TIMEOUT_MS,
      rejectRateLimitedCalls: true,
      retryConfig: { retries: 0 },
    },
  });
  app.error(async ({ error, body }: { error: Error; body: object }) => {
    if ('type' in body && body.type === 'event_callback') throw error;
    logger.error({ err: error }, 'a Slack event could not be handled');
  });
  acknowledgeWhenTaken(app);
  const underWay = listen(app, options, createMembership(web), identity);
  const port = await inbound.start(app);
  logger.info({ team: identity.team, mode: options.appToken === null ? 'http' : 'socket', port }, 'connected to Slack');
  return {
    identity,
    port,
    requestListener: inbound.requestListener,
    close: async () => {
      // A closed socket can't carry answers any more.
      await Promise.race([Promise.allSettled(underWay), setTimeout(DRAIN_MS, undefined, { ref: false })]);
      await inbound.stop();
    },
  };
}

/**
 * Bolt acknowledges an event before its listeners see it (5.1: `App.processEvent`), and Slack repeats only what was not
 * acknowledged: what a bot had taken that died in between was lost. Nor is it acknowledged when a listener failed.
 */
function acknowledgeWhenTaken(app: App): void {
  const processEvent = app.processEvent.bind(app);
  app.processEvent = async (event) => {
    if (event.body['type'] !== 'event_callback') return await processEvent(event);
    await processEvent({ ...event, ack: async () => {} });
    await event.ack();
  };
}

/** Commands, mentions and presses go the same way; the set holds those that are being answered. */
function listen(
  app: App,
  options: SlackAppOptions,
  membership: Membership,
  identity: SlackIdentity,
): Set<Promise<void>> {
  const { desk, channelReader = null, web, logger, whyUnable = () => null } = options;
  const underWay = new Set<Promise<void>>();
  const track = async (work: Promise<void>): Promise<void> => {
    underWay.add(work);
    await work.finally(() => underWay.delete(work));
  };
  const answer = async (asked: Asked): Promise<string> =>
    await answerCommand(asked, { desk, membership, logger, whyUnable });

  // Any name: a workspace may have given the command another one.
  app.command(/.*/, async ({ command, ack }) => {
    const { text, user_id: userId, channel_id: channelId, trigger_id: requestId } = command;
    const respond = async () =>
      ack({ response_type: 'ephemeral', text: await answer({ text, userId, channelId, requestId }) });
    await track(respond());
  });
  app.event('app_mention', async ({ event, body, context }) => {
    if (event.user === undefined) return;
    const own = context.botUserId === undefined ? '' : `<@${context.botUserId}>`;
    const text = event.text.replace(own, ' ');
    const asked = { text, userId: event.user, channelId: event.channel, requestId: body.event_id };
    const answered = answer(asked);
    void track(answered.then((said) => answerMention(web, asked, event.thread_ts ?? null, said, logger)));
    // Acknowledged when it is stored: showing the answer may take longer than Slack waits.
    await answered;
  });
  if (channelReader !== null)
    app.event('message', async ({ event }) => await track(channelReader.take(event, identity)));
  listenToActions(app, options, track);
  return underWay;
}

async function answerMention(
  web: SlackWeb,
  asked: Asked,
  threadTs: string | null,
  text: string,
  logger: Logger,
): Promise<void> {
  const place = threadTs === null ? {} : { thread_ts: threadTs };
  const sent = await web.call('chat.postEphemeral', { channel: asked.channelId, user: asked.userId, text, ...place });
  if (sent.kind !== 'ok')
    logger.warn({ channelId: asked.channelId, sent }, 'the answer to a mention could not be shown');
}

function apiUrl({ slackApiUrl }: SlackAppOptions): { slackApiUrl?: string } {
  return slackApiUrl === null ? {} : { slackApiUrl };
}
