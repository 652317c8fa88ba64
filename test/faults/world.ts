/** Two bots and a collector as processes of their own, Redis behind a network that breaks, and a Slack that misbehaves. */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { createIncidentBook, type RedisIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { openStage, type Role, STEADY, type Stage } from '../support/stage.ts';
import { channelOf, serviceOf, type WorldFault } from './plan.ts';
import { type Proxy, startProxy } from './proxy.ts';

export const TOKEN = 'a-webhook-token';
const BOTS = 2;
/** Services whose triage looks into a real process, one in so many. */
const LOOKED_INTO = 8;

export type FaultWorld = {
  workspace: Workspace;
  redis: TestRedis;
  incidents: RedisIncidentBook;
  /** Directory with the logs of all processes. */
  dir: string;
  /** Address of a bot, which may be dead or not up yet: null. */
  addressOf: (bot: number, path: string) => string | null;
  strike: (fault: WorldFault) => Promise<void>;
  /** Bots that ended by themselves, and were started again. */
  ended: () => readonly string[];
  close: () => Promise<void>;
};

function isLookedInto(i: number): boolean {
  return i % LOOKED_INTO === 0;
}

function config(sockets: string, services: number): string {
  const lines = Array.from({ length: services }, (_, i) => {
    const own = `sockets: ${JSON.stringify(join(isLookedInto(i) ? sockets : '/nowhere', serviceOf(i)))}`;
    const where = isLookedInto(i) ? own : `site: away, ${own}`;
    return `  ${serviceOf(i)}: { channel: ${channelOf(i)}, limit: 1GiB, ${where} }`;
  });
  return `slack: { channel: C0ONCALL }\nsampling: { every: 1s, keep: 1h }\nsnapshot: { window: 1s }\nservices:\n${lines.join('\n')}\n`;
}

/** Everything is up when it resolves. `oldCli`: the second bot is of that older build. */
export async function openWorld(services: number, oldCli: string | null): Promise<FaultWorld> {
  const channels = Array.from({ length: services }, (_, i) => ({ id: channelOf(i), name: `run-${i}` }));
  const [stage, redis, workspace] = await Promise.all([
    openStage((sockets) => config(sockets, services)),
    startRedis(),
    startWorkspace({ channels, eventRetryDelaysMs: [0, 1000, 5000, 10_000] }),
  ]);
  const proxy = await startProxy(join(redis.dir, 'p'), redis.path);
  const roles = startRoles(stage, workspace, proxy, oldCli);
  const close = async (): Promise<void> => {
    await stage.close();
    await proxy.close();
    await workspace.close();
    await redis.close();
  };
  try {
    const own = Array.from({ length: services }, (_, i) => i)
      .filter(isLookedInto)
      .map(serviceOf);
    for (const name of own) await stage.python(STEADY, { MEMTRIAGE_SOCKET_DIR: join(stage.sockets, name) });
    await workspace.waitForSockets(2 * BOTS, 60_000);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    workspace,
    redis,
    incidents: createIncidentBook(redis.connect(), REDIS_PREFIX, Date.now),
    dir: stage.dir,
    addressOf: (bot, path) => {
      const port = /"port":(\d+)/.exec(roles.bots[bot % BOTS]?.log() ?? '')?.[1];
      return port === undefined ? null : `http://127.0.0.1:${port}${path}`;
    },
    strike: async (fault) => await strike(fault, { roles, redis, proxy, workspace }),
    ended: () => roles.ended,
    close,
  };
}

type Roles = {
  bots: readonly Role[];
  ended: readonly string[];
  restartBot: (bot: number, afterMs: number) => Promise<void>;
  restartCollector: () => Promise<void>;
};

function startRoles(stage: Stage, workspace: Workspace, proxy: Proxy, oldCli: string | null): Roles {
  const redisUrl = { REDIS_URL: `unix://${proxy.path}` };
  const startBot = (bot: number): Role => {
    const env = {
      ...redisUrl,
      SLACK_BOT_TOKEN: workspace.botToken,
      SLACK_APP_TOKEN: workspace.appToken,
      SLACK_API_URL: workspace.apiUrl,
      MEMTRIAGE_WEBHOOK_TOKEN: TOKEN,
    };
    return bot > 0 && oldCli !== null ? stage.role(['bot'], env, oldCli) : stage.role(['bot'], env);
  };
  const startCollector = (): Role => stage.role(['collector'], redisUrl);
  const ended: string[] = [];
  const bots: Role[] = [];
  /** As a supervisor does: what ends by itself is started again. */
  const supervise = (bot: number): void => {
    const role = startBot(bot);
    bots[bot] = role;
    role.child.once('exit', (code) => {
      if (code === null || bots[bot] !== role) return;
      ended.push(`a bot ended by itself with code ${code}`);
      supervise(bot);
    });
  };
  for (let bot = 0; bot < BOTS; bot += 1) supervise(bot);
  let collector = startCollector();
  return {
    bots,
    ended,
    async restartBot(bot, afterMs) {
      await bots[bot % BOTS]?.kill();
      await wait(afterMs);
      supervise(bot % BOTS);
    },
    async restartCollector() {
      await collector.kill();
      collector = startCollector();
    },
  };
}

type Struck = { roles: Roles; redis: TestRedis; proxy: Proxy; workspace: Workspace };

async function strike({ kind, forMs, afterMs }: WorldFault, { roles, redis, proxy, workspace }: Struck): Promise<void> {
  switch (kind) {
    case 'bot killed':
      return await roles.restartBot(Math.floor(afterMs), forMs);
    case 'both bots killed':
      await Promise.all([roles.restartBot(0, forMs), roles.restartBot(1, 0)]);
      return;
    case 'collector killed':
      return await roles.restartCollector();
    case 'Redis killed':
      await redis.kill();
      await wait(forMs);
      return await redis.start();
    case 'Redis connections cut':
      return proxy.cut();
    case 'Redis silent for a while':
      proxy.hang();
      await wait(forMs);
      return proxy.flow();
    case 'Socket Mode connections dropped':
      return workspace.dropSockets();
    case 'Socket Mode refresh asked':
      return workspace.disconnectSockets();
  }
}
