import { Redis } from 'ioredis';
import { pino } from 'pino';
import { createOutbox, type Outbox } from '../../src/adapters/slack/outbox.ts';
import type { OutboxLimits } from '../../src/adapters/slack/outbox-limits.ts';
import { type OutboxWorker, startOutboxWorker } from '../../src/adapters/slack/outbox-worker.ts';
import { createSlackWeb, type SlackWeb } from '../../src/adapters/slack/slack-web.ts';
import type { Workspace } from '../../src/demo/workspace/workspace.ts';
import type { TestRedis } from '../support/redis.ts';

/** Real limits would make a test of ten messages last ten seconds; what is tested is the order, not the pace. */
export const FAST: Partial<OutboxLimits> = {
  postEveryMs: 5,
  editEveryMs: 20,
  edits: { everyMs: 5, burst: 10, forReports: 1, forKills: 0 },
  requestTimeoutMs: 300,
  settleMs: 50,
  backoffMs: { first: 20, longest: 200 },
  refusedMs: 200,
};

export const silent = pino({ level: 'silent' });

/** A moment to die at: before or after the n-th call of Slack or script of Redis, counted from 1. */
export type Death = { of: 'slack' | 'redis'; call: number; moment: 'before' | 'after' };

export type Replica = {
  /** True once the replica died by its `Death`. */
  isDead(): boolean;
  outbox: Outbox;
  worker: OutboxWorker;
  /** As `kill -9` does it: every connection is cut in the middle of whatever is going on, nothing is tidied up. */
  die(): void;
  close(): Promise<void>;
};

/** One bot's outbox and worker on connections of their own. */
export async function startReplica(
  redis: TestRedis,
  workspace: Workspace,
  { prefix, limits = FAST, death = null }: { prefix: string; limits?: Partial<OutboxLimits>; death?: Death | null },
): Promise<Replica> {
  const command = new Redis({ path: redis.path, maxRetriesPerRequest: 1, enableOfflineQueue: true });
  const blocking = new Redis({ path: redis.path, maxRetriesPerRequest: null });
  for (const client of [command, blocking]) client.on('error', () => {});
  const die = (): void => {
    dead = true;
    command.disconnect();
    blocking.disconnect();
  };
  let dead = false;
  const real = createSlackWeb({
    botToken: workspace.botToken,
    slackApiUrl: workspace.apiUrl,
    logger: silent,
    timeoutMs: 300,
  });
  const mortal = mortality(death, die);
  const web: SlackWeb = { call: mortal('slack', async (method, args) => await real.call(method, args)) };
  const runScript = command.eval.bind(command);
  Object.assign(command, { eval: mortal('redis', runScript as (...args: unknown[]) => Promise<unknown>) });
  const common = { redis: command, prefix, web, logger: silent };
  const outbox = createOutbox({ ...common, connection: command });
  const worker = await startOutboxWorker({
    ...common,
    queueConnection: command,
    workerConnection: blocking,
    limits,
    lockMs: 400,
    sweepEveryMs: 200,
  });
  return {
    outbox,
    worker,
    isDead: () => dead,
    die,
    close: async () => {
      if (!dead) {
        await worker.close();
        await outbox.close();
      }
      command.disconnect();
      blocking.disconnect();
    },
  };
}

/** Wraps a function so that the replica dies at its n-th call; from then on nothing comes back, as from a dead process. */
function mortality(death: Death | null, die: () => void) {
  let calls = 0;
  let isDead = false;
  return <A extends unknown[], R>(of: Death['of'], work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const isLast = death?.of === of && ++calls === death.call;
      if (isLast && death.moment === 'after') await work(...args).catch(() => {});
      if (isLast) {
        isDead = true;
        die();
      }
      return isDead ? await new Promise<never>(() => {}) : await work(...args);
    };
}
