import { setTimeout as wait } from 'node:timers/promises';
import { CommandError, EXIT_CONFIG, EXIT_UNAVAILABLE } from '../errors.ts';
import { type Environment, readDemoChannel } from '../main/environment.ts';
import type { Closers } from '../main/shutdown.ts';
import type { Report } from '../report/report.ts';
import { startWorkspace, type Workspace } from './workspace/workspace.ts';

/** The Slack of the demonstration: the one on loopback, or the real one. */
export type DemoSlack = {
  channelId: string;
  description: string;
  /** Who asks, as the beginning of a sentence. */
  asks: string;
  /** For the bot's process. */
  environment: Readonly<Record<string, string>>;
  waitUntilConnected(signal: AbortSignal): Promise<void>;
  /** Types the command; what the person reads at once. Null: a person must type it. */
  ask(service: string): Promise<string | null>;
  /** Tells each new state of the root; returns how to stop. */
  follow(tell: (line: string) => void): () => void;
  /** Until the thread shows the report. */
  waitForThread(report: Report, signal: AbortSignal): Promise<void>;
  renderThread(): string | null;
};

const CHANNEL = 'C0ONCALL';
const PERSON = 'U0ALICE';
const THREAD_DEADLINE_MS = 30_000;

export async function openSlack(environment: Environment, closers: Closers): Promise<DemoSlack> {
  const { slackBotToken, slackAppToken, slackApiUrl } = environment;
  if (slackBotToken !== null && slackAppToken !== null) {
    return realSlack({
      SLACK_BOT_TOKEN: slackBotToken.reveal(),
      SLACK_APP_TOKEN: slackAppToken.reveal(),
      SLACK_API_URL: slackApiUrl,
    });
  }
  const workspace = await startWorkspace({ enforceRateLimits: true });
  closers.add('workspace', workspace.close);
  return loopbackSlack(workspace);
}

function loopbackSlack(workspace: Workspace): DemoSlack {
  const root = () => workspace.messages(CHANNEL).find(({ isBot }) => isBot);
  return {
    channelId: CHANNEL,
    description: 'connected to a Slack workspace on loopback',
    asks: 'alice types in #oncall',
    environment: {
      SLACK_BOT_TOKEN: workspace.botToken,
      SLACK_APP_TOKEN: workspace.appToken,
      SLACK_API_URL: workspace.apiUrl,
    },
    waitUntilConnected: () => workspace.waitForSockets(2, 30_000),
    async ask(service) {
      const { acked, ackMs, response } = await workspace.command({ user: PERSON, channel: CHANNEL, text: service });
      if (!acked) throw new CommandError(EXIT_UNAVAILABLE, 'the bot did not acknowledge the command', 'Read bot.log.');
      return `memtriage (only visible to alice, after ${Math.round(ackMs)} ms): ${response?.text ?? ''}`;
    },
    follow(tell) {
      let last = '';
      return workspace.watch(() => {
        const [line = ''] = (root()?.text ?? '').split('\n');
        if (line !== last) tell(line);
        last = line;
      });
    },
    async waitForThread(report, signal) {
      const end = Date.now() + THREAD_DEADLINE_MS;
      const isThere = (): boolean => {
        const shown = root();
        return shown !== undefined && !shown.text.startsWith('⏳') && workspace.thread(CHANNEL, shown.ts).length > 1;
      };
      while (!isThere()) {
        if (Date.now() > end) {
          throw new CommandError(
            EXIT_UNAVAILABLE,
            `the report of ${report.incident} did not reach its thread`,
            'Read bot.log.',
          );
        }
        await wait(100, undefined, { signal });
      }
      // Replies go out one a second: the last one has come when none did for two.
      for (let count = -1; count !== workspace.calls().length; ) {
        count = workspace.calls().length;
        await wait(2200, undefined, { signal });
      }
    },
    renderThread() {
      const shown = root();
      return shown === undefined ? null : workspace.renderThread(CHANNEL, shown.ts);
    },
  };
}

function realSlack(tokens: Readonly<Record<string, string>>): DemoSlack {
  const channelId = readDemoChannel();
  if (channelId === null) {
    throw new CommandError(
      EXIT_CONFIG,
      'Slack tokens are in the environment, but not the channel to use',
      'Set MEMTRIAGE_DEMO_CHANNEL to the id of a channel that the app was invited to, or unset the tokens to use the workspace on loopback.',
    );
  }
  return {
    channelId,
    description: `connected to your Slack workspace, channel ${channelId}`,
    asks: 'Now type in Slack',
    environment: tokens,
    waitUntilConnected: async () => {},
    ask: async () => await Promise.resolve(null),
    follow: () => () => {},
    waitForThread: async () => {},
    renderThread: () => null,
  };
}
