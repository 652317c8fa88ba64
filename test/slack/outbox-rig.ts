import { Redis } from 'ioredis';
import { pino } from 'pino';
import { createOutbox, type Outbox } from '../../src/adapters/slack/outbox.ts';
import type { OutboxLimits } from '../../src/adapters/slack/outbox-actions.ts';
import { type OutboxWorker, startOutboxWorker } from '../../src/adapters/slack/outbox-worker.ts';
import { createSlackWeb, type SlackWeb } from '../../src/adapters/slack/slack-web.ts';
import type { Workspace } from '../../src/demo/workspace/workspace.ts';
import type { TestRedis } from '../support/redis.ts';

/** Real limits would make a test of ten messages last ten seconds; what is tested is the order, not the pace. */
export const FAST: Partial<OutboxLimits> = {
  postEveryMs: 5,
  editEveryMs: 20,
  edits: { everyMs: 5, burst: 10, forReports: 1 },
  requestTimeoutMs: 300,
  settleMs: 50,
  backoffMs: { first: 20, longest: 200 },
  refusedMs: 200,
};

export const silent = pino({ level: 'silent' });

export type Replica = {
  outbox: Outbox;
  worker: OutboxWorker;
  /** As `kill -9` does it: every connection is cut in the middle of whatever is going on, nothing is tidied up. */
  die(): void;
  close(): Promise<void>;
};

/** One bot's outbox and worker on connections of their own. `dying`: told when to die by the calls that it makes. */
export async function startReplica(
  redis: TestRedis,
  workspace: Workspace,
  {
    prefix,
    limits = FAST,
    wrap = (web) => web,
  }: { prefix: string; limits?: Partial<OutboxLimits>; wrap?: (web: SlackWeb) => SlackWeb },
): Promise<Replica> {
  const command = new Redis({ path: redis.path, maxRetriesPerRequest: 1, enableOfflineQueue: true });
  const blocking = new Redis({ path: redis.path, maxRetriesPerRequest: null });
  for (const client of [command, blocking]) client.on('error', () => {});
  const web = wrap(
    createSlackWeb({ botToken: workspace.botToken, slackApiUrl: workspace.apiUrl, logger: silent, timeoutMs: 300 }),
  );
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
  let dead = false;
  return {
    outbox,
    worker,
    die: () => {
      dead = true;
      command.disconnect();
      blocking.disconnect();
    },
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
