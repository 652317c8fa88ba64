/** A real bot process with its own Redis and workspace, and the ways to send it alerts and to see its thread. */
import { expect, vi } from 'vitest';
import { startWorkspace, type Workspace, type WorkspaceOptions } from '../../src/demo/workspace/workspace.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { openStage, type Role, type Stage, shortConfig } from '../support/stage.ts';
import { alertmanagerBody } from './senders.ts';

export const CHANNEL = 'C0ONCALL';
export const TOKEN = 'a-webhook-token';
export const WAIT = { timeout: 90_000, interval: 50 };

export type Rig = {
  stage: Stage;
  redis: TestRedis;
  workspace: Workspace;
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
  close: () => Promise<void>;
};

/** `prepare`: what is in Redis before the bot comes. */
export async function openRig(
  config: (sockets: string) => string = shortConfig,
  people: WorkspaceOptions = {},
  prepare: (redis: TestRedis) => Promise<void> = async () => {},
): Promise<Rig> {
  const [stage, redis, workspace] = await Promise.all([openStage(config), startRedis(), startWorkspace(people)]);
  await prepare(redis);
  const startBot = (): Role =>
    stage.role(['bot'], {
      REDIS_URL: `unix://${redis.path}`,
      SLACK_BOT_TOKEN: workspace.botToken,
      SLACK_APP_TOKEN: workspace.appToken,
      SLACK_API_URL: workspace.apiUrl,
      MEMTRIAGE_WEBHOOK_TOKEN: TOKEN,
    });
  let bot = startBot();
  const roots = () => workspace.everPosted(CHANNEL).filter(({ threadTs, isBot }) => threadTs === null && isBot);
  const root = () => roots()[0]?.text ?? '';
  const url = async (path: string) => `http://127.0.0.1:${await portOf(bot)}${path}`;
  return {
    stage,
    redis,
    workspace,
    roots,
    root,
    url,
    async restartBot() {
      await bot.kill();
      bot = startBot();
    },
    stopBot: () => bot.stop(),
    startBot() {
      bot = startBot();
    },
    botPid: () => bot.child.pid,
    async send(...alerts) {
      const body = JSON.stringify(alertmanagerBody(...alerts));
      const headers = { authorization: `Bearer ${TOKEN}` };
      return (await fetch(await url('/alerts/alertmanager'), { method: 'POST', headers, body })).status;
    },
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
    async close() {
      await stage.close();
      await workspace.close();
      await redis.close();
    },
  };
}

async function portOf({ log }: Role): Promise<number> {
  return await vi.waitFor(() => {
    const port = /"port":(\d+)/.exec(log())?.[1];
    expect(port).toBeDefined();
    return Number(port);
  }, WAIT);
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
