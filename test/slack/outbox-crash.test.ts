import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { type Death, type Replica, startReplica } from './outbox-rig.ts';
import { anIncident, aProgress, aReport } from './reports.ts';

const CHANNEL = 'C0PAY';
/** Root and two replies: one post, one edit, two posts; each with its intent and its result in Redis. */
const MESSAGES = 3;
const report = aReport({ snapshot: null });

let redis: TestRedis;
let workspace: Workspace;
const replicas: Replica[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.close();
});
beforeEach(async () => {
  workspace = await startWorkspace();
});
afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.close()));
  await workspace.close();
});

async function start(prefix: string, death: Death | null = null): Promise<Replica> {
  const replica = await startReplica(redis, workspace, { prefix, death });
  replicas.push(replica);
  return replica;
}

/** What a triage job does, and does again when the replica that ran it is gone. */
async function tell({ outbox }: Replica): Promise<void> {
  await outbox.showProgress(anIncident(), aProgress());
  await outbox.publishReport(anIncident(), report);
}

async function threadIsWhole(): Promise<void> {
  await vi.waitFor(
    () => {
      expect(workspace.messages(CHANNEL)[0]?.text).toContain('ROLL BACK recommended');
      expect(workspace.everPosted(CHANNEL)).toHaveLength(MESSAGES);
    },
    { timeout: 20_000, interval: 20 },
  );
}

const DEATHS: Death[] = (['before', 'after'] as const).flatMap((moment) => [
  ...[1, 2, 3].map((call): Death => ({ of: 'slack', call, moment })),
  ...[2, 3, 4, 5, 6, 7, 8, 9, 10].map((call): Death => ({ of: 'redis', call, moment })),
]);

test.each(DEATHS)(
  'killed $moment call $call of $of, the thread is whole in the end and nothing stands twice',
  async (death) => {
    const prefix = `{${randomUUID()}}`;
    const first = await start(prefix, death);
    void tell(first).catch(() => {});
    await vi.waitFor(() => expect(first.isDead()).toBe(true), { timeout: 10_000, interval: 5 });
    const second = await start(prefix);
    await tell(second);
    await threadIsWhole();
    // Longer than it takes to look for lost messages: what would come twice has come by then.
    await second.outbox.publishReport(anIncident(), report);
    await vi.waitFor(async () => expect(await redisIsQuiet(prefix)).toBe(true), { timeout: 10_000 });
    expect(workspace.everPosted(CHANNEL)).toHaveLength(MESSAGES);
  },
);

async function redisIsQuiet(prefix: string): Promise<boolean> {
  const client = redis.connect();
  const waiting = await client.exists(`${prefix}:outbox:channels`);
  client.disconnect();
  return waiting === 0;
}

test('what was stored before Redis was killed is delivered after it came back', async () => {
  const prefix = `{${randomUUID()}}`;
  const replica = await start(prefix);
  workspace.faults.add({ method: 'chat.postMessage', kind: 'http-503', times: 4 });
  await tell(replica);
  await redis.kill();
  await redis.start();
  await threadIsWhole();
  expect(workspace.messages(CHANNEL)).toHaveLength(1);
});
