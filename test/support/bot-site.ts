/** A real bot process with its own Redis and workspace, for tests and benchmarks. */
import { setTimeout } from 'node:timers/promises';
import { startWorkspace, type Workspace, type WorkspaceOptions } from '../../src/demo/workspace/workspace.ts';
import { alertmanagerBody } from '../alerts/senders.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { openStage, type Role, type Stage } from './stage.ts';

export const TOKEN = 'a-webhook-token';

/** A bot needs some seconds to open its doors, more of them on a busy machine. */
const OPEN_WITHIN_MS = 90_000;

export type BotSite = {
  stage: Stage;
  redis: TestRedis;
  workspace: Workspace;
  /** `env`: beside what it needs to be there. */
  startBot: (env?: Readonly<Record<string, string>>) => Bot;
  close: () => Promise<void>;
};

export type Bot = Role & {
  /** Its address, once it is up; needs a log that tells it (`LOG_LEVEL` info). */
  url: (path: string) => Promise<string>;
  /** As Alertmanager sends them; the status of the answer. */
  send: (...alerts: readonly unknown[]) => Promise<number>;
};

/** `prepare`: what is in Redis before a bot comes. */
export async function openBotSite(
  config: (sockets: string) => string,
  people: WorkspaceOptions = {},
  prepare: (redis: TestRedis) => Promise<void> = async () => {},
): Promise<BotSite> {
  const [stage, redis, workspace] = await Promise.all([openStage(config), startRedis(), startWorkspace(people)]);
  await prepare(redis);
  return {
    stage,
    redis,
    workspace,
    startBot(env = {}) {
      const role = stage.role(['bot'], {
        REDIS_URL: `unix://${redis.path}`,
        SLACK_BOT_TOKEN: workspace.botToken,
        SLACK_APP_TOKEN: workspace.appToken,
        SLACK_API_URL: workspace.apiUrl,
        MEMTRIAGE_WEBHOOK_TOKEN: TOKEN,
        ...env,
      });
      const url = async (path: string) => `http://127.0.0.1:${await portOf(role)}${path}`;
      return {
        ...role,
        url,
        async send(...alerts) {
          const body = JSON.stringify(alertmanagerBody(...alerts));
          const headers = { authorization: `Bearer ${TOKEN}` };
          return (await fetch(await url('/alerts/alertmanager'), { method: 'POST', headers, body })).status;
        },
      };
    },
    async close() {
      await stage.close();
      await workspace.close();
      await redis.close();
    },
  };
}

async function portOf({ log }: Role): Promise<number> {
  for (const end = Date.now() + OPEN_WITHIN_MS; Date.now() < end; await setTimeout(50)) {
    const port = /"port":(\d+)/.exec(log())?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`the bot did not open its doors:\n${log()}`);
}
