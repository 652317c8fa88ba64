import * as bolt from '@slack/bolt';
import { expect } from 'vitest';
import type { Workspace } from '../../src/demo/workspace/workspace.ts';

export type BoltApp = { app: bolt.App; stop: () => Promise<void> };

/** Faults make Bolt complain; the tests look at what it does instead. */
const logger: bolt.Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  setLevel: () => {},
  getLevel: () => bolt.LogLevel.ERROR,
  setName: () => {},
};

/** A real Bolt app in Socket Mode with two connections, wired as the product wires it. */
export async function startSocketApp(workspace: Workspace, register: (app: bolt.App) => void): Promise<BoltApp> {
  const receivers = [socketReceiver(workspace), socketReceiver(workspace)] as const;
  const app = new bolt.App({
    token: workspace.botToken,
    receiver: receivers[0],
    logger,
    convoStore: false,
    clientOptions: clientOptions(workspace),
  });
  receivers[1].init(app);
  register(app);
  await Promise.all(receivers.map((receiver) => receiver.start()));
  await workspace.waitForSockets(2);
  return {
    app,
    stop: async () => {
      for (const receiver of receivers) await receiver.stop();
      // Bolt doesn't wait for the close handshakes.
      await expect.poll(() => workspace.socketCount()).toBe(0);
    },
  };
}

/** Bolt in HTTP mode; `port` is where the workspace's request URL points. */
export async function startHttpApp(
  workspace: Workspace,
  port: number,
  register: (app: bolt.App) => void,
  signingSecret: string = workspace.signingSecret,
): Promise<BoltApp> {
  const receiver = new bolt.HTTPReceiver({ signingSecret, port, logger });
  const app = new bolt.App({
    token: workspace.botToken,
    receiver,
    logger,
    convoStore: false,
    clientOptions: clientOptions(workspace),
  });
  register(app);
  await app.start(port);
  return { app, stop: async () => void (await app.stop()) };
}

function socketReceiver(workspace: Workspace): bolt.SocketModeReceiver {
  const retryConfig = { forever: true, retries: 12, factor: 1.3, maxTimeout: 15_000 };
  return new bolt.SocketModeReceiver({
    appToken: workspace.appToken,
    logger,
    installerOptions: { clientOptions: { slackApiUrl: workspace.apiUrl, retryConfig } },
  });
}

export function clientOptions(workspace: Workspace) {
  return {
    logger,
    slackApiUrl: workspace.apiUrl,
    timeout: 10_000,
    rejectRateLimitedCalls: true,
    retryConfig: { retries: 0 },
  };
}
