/** A real bot process with its own Redis and workspace, and the ways to send it alerts and to see its thread. */
import { expect, vi } from 'vitest';
import type { Workspace, WorkspaceOptions } from '../../src/demo/workspace/workspace.ts';
import { type BotSite, openBotSite } from '../support/bot-site.ts';
import type { TestRedis } from '../support/redis.ts';
import { shortConfig } from '../support/stage.ts';

export const CHANNEL = 'C0ONCALL';
export const WAIT = { timeout: 90_000, interval: 50 };

export type Rig = Pick<BotSite, 'stage' | 'redis' | 'workspace' | 'close'> & {
  /** SIGKILL for the bot, and a new one on the same Redis. */
  restartBot: () => Promise<void>;
  /** SIGTERM; its exit code. */
  stopBot: () => Promise<number | null>;
  startBot: () => void;
  botPid: () => number | undefined;
  url: (path: string) => Promise<string>;
  /** As Alertmanager sends them; the status of the answer. */
  send: (...alerts: readonly unknown[]) => Promise<number>;
  /** Roots of the bot that were ever posted to the channel. */
  roots: () => ReturnType<Workspace['everPosted']>;
  root: () => string;
  /** The thread of the first root as people see it, its lines joined. */
  shown: () => string;
  /** There is one root, and its triage has ended. */
  untilReported: () => Promise<void>;
  /** No alert waits or is under way. */
  untilTaken: () => Promise<void>;
};

/** `prepare`: what is in Redis before the bot comes. */
export async function openRig(
  config: (sockets: string) => string = shortConfig,
  people: WorkspaceOptions = {},
  prepare: (redis: TestRedis) => Promise<void> = async () => {},
): Promise<Rig> {
  const { stage, redis, workspace, startBot, close } = await openBotSite(config, people, prepare);
  let bot = startBot();
  const roots = () => workspace.everPosted(CHANNEL).filter(({ threadTs, isBot }) => threadTs === null && isBot);
  const root = () => roots()[0]?.text ?? '';
  return {
    stage,
    redis,
    workspace,
    roots,
    root,
    url: (path) => bot.url(path),
    async restartBot() {
      await bot.kill();
      bot = startBot();
    },
    stopBot: () => bot.stop(),
    startBot() {
      bot = startBot();
    },
    botPid: () => bot.child.pid,
    send: (...alerts) => bot.send(...alerts),
    shown: () => workspace.renderThread(CHANNEL, roots()[0]?.ts ?? '').replace(/\n\W*│ /g, ' '),
    async untilReported() {
      await vi.waitFor(() => {
        expect(roots()).toHaveLength(1);
        expect(root()).toMatch(/measured/i);
      }, WAIT);
    },
    async untilTaken() {
      await vi.waitFor(async () => expect(await waitingAlerts(redis)).toBe(0), WAIT);
    },
    close,
  };
}

/** Keys of BullMQ's own. */
async function waitingAlerts(redis: TestRedis): Promise<number> {
  const client = redis.connect();
  try {
    const key = (state: string) => `{memtriage}:alerts:${state}`;
    const sets = await Promise.all(['prioritized', 'delayed'].map(async (state) => await client.zcard(key(state))));
    const lists = await Promise.all(['wait', 'active'].map(async (state) => await client.llen(key(state))));
    return [...sets, ...lists].reduce((sum, count) => sum + count, 0);
  } finally {
    client.disconnect();
  }
}
