import type { RequestListener } from 'node:http';
import { type App, HTTPReceiver, SocketModeReceiver } from '@slack/bolt';
import type { Logger } from 'pino';
import { CommandError, EXIT_CONFIG, EXIT_UNAVAILABLE, messageOf } from '../../errors.ts';
import { toSlackLogger } from './slack-logger.ts';

export type InboundOptions = {
  /** Given: Socket Mode. */
  appToken: string | null;
  /** Given without an app token: HTTP mode. */
  signingSecret: string | null;
  /** HTTP mode: the port to listen on (0: any), or null when somebody else's server calls `requestListener`. */
  port: number | null;
  /** With trailing slash; null: Slack's own. */
  slackApiUrl: string | null;
  logger: Logger;
  /**
   * Slack refuses to connect again, as after a token was revoked: the bot hears nothing until it is started anew.
   * Default: the error is logged.
   */
  onRefused?: (error: CommandError) => void;
};

/** Two connections: Slack closes each of them now and then, and the library takes 5 s to open a new one. */
const SOCKETS = 2;
export const SLACK_EVENTS_PATH = '/slack/events';

export type Inbound = {
  first: SocketModeReceiver | HTTPReceiver;
  requestListener: RequestListener | null;
  /** Answers the port, where there is one. */
  start(app: App): Promise<number | null>;
  stop(): Promise<void>;
};

/** The ways in: two sockets with an app token, else signed HTTP requests. Throws a `CommandError` without either. */
export function createInbound(options: InboundOptions): Inbound {
  if (options.appToken !== null) return createSockets(options, options.appToken);
  if (options.signingSecret !== null) return createHttp(options, options.signingSecret);
  throw new CommandError(
    EXIT_CONFIG,
    'Slack can reach the bot neither by Socket Mode nor by HTTP',
    'Set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode).',
  );
}

function createSockets(options: InboundOptions, appToken: string): Inbound {
  let closed = false;
  // Nothing else ends the library's endless reconnecting once we are closed.
  const fetchUntilClosed: typeof fetch = async (...request) =>
    closed ? await new Promise(() => {}) : await fetch(...request);
  const connect = (): SocketModeReceiver =>
    new SocketModeReceiver({
      appToken,
      logger: toSlackLogger(options.logger),
      installerOptions: {
        clientOptions: {
          ...(options.slackApiUrl === null ? {} : { slackApiUrl: options.slackApiUrl }),
          fetch: fetchUntilClosed,
          // The default gives up for good, or waits longer and longer: 14 min after an hour without Slack.
          retryConfig: { forever: true, retries: 12, factor: 1.3, maxTimeout: 15_000 },
        },
      },
    });
  const first = connect();
  const others = Array.from({ length: SOCKETS - 1 }, connect);
  const all = [first, ...others];
  const stop = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await Promise.all(all.map(async (receiver) => await receiver.stop()));
  };
  return {
    first,
    requestListener: null,
    start: async (app) => {
      for (const receiver of others) receiver.init(app);
      try {
        await Promise.all(all.map(async (receiver) => await receiver.start()));
      } catch (thrown) {
        await stop();
        throw refusedConnection(thrown);
      }
      for (const receiver of all) {
        catchReconnects(receiver, (thrown) => (closed ? undefined : tellRefusal(options, refusedConnection(thrown))));
      }
      return null;
    },
    stop,
  };
}

function tellRefusal({ onRefused, logger }: InboundOptions, error: CommandError): void {
  logger.fatal({ err: error, tryThis: error.tryThis }, 'the bot hears nothing from Slack any more');
  onRefused?.(error);
}

function refusedConnection(thrown: unknown): CommandError {
  const tryThis = 'Check SLACK_APP_TOKEN and that Socket Mode is switched on, then start the bot again.';
  return new CommandError(EXIT_UNAVAILABLE, `Slack refuses the connection: ${messageOf(thrown)}`, tryThis, {
    cause: thrown,
  });
}

/**
 * The library lets nobody catch what a reconnect throws: it would end the process as an unhandled rejection, with
 * `undefined` for a reason when it was closed while connecting (socket-mode 3.1.0). It calls `start` for every try.
 */
function catchReconnects({ client }: SocketModeReceiver, onFailure: (thrown: unknown) => void): void {
  const start = client.start.bind(client);
  client.start = async () => {
    try {
      return await start();
    } catch (thrown) {
      onFailure(thrown);
      return { ok: false };
    }
  };
}

function createHttp({ port, logger }: InboundOptions, signingSecret: string): Inbound {
  const first = new HTTPReceiver({
    signingSecret,
    endpoints: SLACK_EVENTS_PATH,
    logger: toSlackLogger(logger),
    // Slack repeats an event that was not answered: so it is answered after it was stored.
    processBeforeResponse: true,
  });
  let listening = false;
  return {
    first,
    requestListener: first.requestListener,
    start: async () => {
      if (port === null) return null;
      const server = await first.start(port);
      listening = true;
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : null;
    },
    stop: async () => {
      if (!listening) return;
      listening = false;
      await first.stop();
    },
  };
}
