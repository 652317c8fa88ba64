import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createAuditBook } from '../../src/adapters/redis/audit-book.ts';
import { createDeployBook } from '../../src/adapters/redis/deploy-book.ts';
import { createIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { openStage, type Role, type Stage, shortConfig } from '../support/stage.ts';
import { rollbackArgv, startSupervised } from './supervised.ts';

const CHANNEL = 'C0ONCALL';
const PREFIX = '{memtriage}';
const WAIT = { timeout: 100_000, interval: 100 };

let stage: Stage;
let redis: TestRedis;
let workspace: Workspace;

beforeEach(async () => {
  [stage, redis, workspace] = await Promise.all([openStage(config), startRedis(), startWorkspace()]);
});
afterEach(async () => {
  await stage.close();
  await workspace.close();
  await redis.close();
});

/** Hours become seconds; the supervisor lives beside the sockets. */
function config(sockets: string): string {
  const argv = JSON.stringify(rollbackArgv(join(sockets, '..', 'supervised')));
  return `${shortConfig(sockets)}    team: payments
    rollback: { mode: approve, via: { command: ${argv} }, cooldown: 0s, verifyFor: 6s, healthyFor: 3s }
teams:
  payments: { timezone: Etc/UTC, approvers: [U0ALICE, U0BOB], twoPerson: always }
`;
}

function startBot(): Role {
  return stage.role(['bot'], {
    REDIS_URL: `unix://${redis.path}`,
    SLACK_BOT_TOKEN: workspace.botToken,
    SLACK_APP_TOKEN: workspace.appToken,
    SLACK_API_URL: workspace.apiUrl,
  });
}

function root() {
  const [first] = workspace.everPosted(CHANNEL).filter(({ threadTs, isBot }) => threadTs === null && isBot);
  return workspace.messages(CHANNEL).find(({ ts }) => ts === first?.ts);
}

function isAdvised(): boolean {
  return /ROLL BACK recommended v2 → v1/.test(root()?.text ?? '');
}

async function press(user: string): Promise<string> {
  const answer = await workspace.press({
    user,
    channel: CHANNEL,
    messageTs: root()?.ts ?? '',
    actionId: 'approve_rollback',
  });
  expect(answer.acked).toBe(true);
  return workspace.ephemerals(user).at(-1)?.text ?? '';
}

it('a leaking release is rolled back by its supervisor, once, with two approvals, over a killed bot and a killed collector; memory is measured down', {
  timeout: 240_000,
}, async () => {
  const client = redis.connect();
  const book = createRollbackBook(client, PREFIX);
  const deploys = createDeployBook(client, PREFIX);
  const told = (release: string) =>
    deploys.save({ schema: 1, service: 'checkout', release, at: new Date().toISOString(), migration: 'none' });
  const service = await startSupervised(join(stage.dir, 'supervised'), stage.sockets, 'v1');
  stage.adopt(service.child);
  await told('v1');
  const collector = () => stage.role(['collector'], { REDIS_URL: `unix://${redis.path}` });
  const firstCollector = collector();
  const firstBot = startBot();
  await vi.waitFor(async () => expect(await client.keys(`${PREFIX}:baseline:*`)).toHaveLength(1), WAIT);

  await service.deploy('v2');
  await told('v2');
  // The watch opens the thread when it is still too early to tell; whoever looks asks again.
  await vi.waitFor(
    async () => {
      if (!(root()?.text ?? '⏳').startsWith('⏳') && !isAdvised()) {
        await workspace.command({ user: 'U0ALICE', channel: CHANNEL, text: 'checkout' });
      }
      expect(isAdvised()).toBe(true);
    },
    { timeout: 100_000, interval: 3000 },
  );
  await vi.waitFor(async () => expect((await book.find('M-1'))?.state).toBe('proposed'), WAIT);
  await vi.waitFor(() => expect(root()?.text).toMatch(/approve or decline/), WAIT);
  // A newer report may make a button stale in the moment of the press, as a person then hears.
  const approvals = async () => (await book.find('M-1'))?.approvals.length ?? 0;
  await vi.waitFor(
    async () => {
      if ((await approvals()) === 0) await press('U0ALICE');
      expect(await approvals()).toBe(1);
    },
    { ...WAIT, interval: 2000 },
  );
  await vi.waitFor(() => expect(root()?.text).toContain('approval 1/2'), WAIT);
  expect(await service.runs()).toBe('');
  await press('U0BOB');
  await vi.waitFor(async () => expect((await book.find('M-1'))?.state).not.toBe('proposed'), WAIT);
  await firstBot.kill();
  const secondBot = startBot();
  // Killed while the program runs or right after it: what runs by then tells how far it came.
  await vi.waitFor(async () => expect(await service.runs()).toBe('v2 -> v1\n'), WAIT);
  await firstCollector.kill();
  collector();

  await vi.waitFor(
    async () => expect((await book.find('M-1'))?.state).toMatch(/^(recovered|failed|not-recovered)$/),
    WAIT,
  );
  const ended = await book.find('M-1');
  expect(ended).toMatchObject({ state: 'recovered', proof: { instances: 1, instancesChanged: 1 } });
  expect(await service.runs()).toBe('v2 -> v1\n');
  expect(ended?.proof?.after.rssBytes).toBeLessThan(ended?.before.rssBytes ?? 0);
  expect(ended?.proof?.secondsToMitigation).toBeGreaterThan(0);
  await vi.waitFor(
    () => expect(root()?.text).toMatch(/^🟢 .*RECOVERED\W+after the rollback v2 → v1: 1 of 1 instances run v1/),
    WAIT,
  );
  await vi.waitFor(
    async () => expect((await createIncidentBook(client, PREFIX, Date.now).find('M-1'))?.state).toBe('closed'),
    WAIT,
  );
  const port = /"port":(\d+)/.exec(secondBot.log())?.[1];
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toContain('memtriage_rollbacks_total{state="recovered"} 1\n');
  expect(metrics).toContain('memtriage_time_to_mitigation_seconds_count{state="recovered"} 1\n');
  const trail = (await createAuditBook(client, PREFIX).list('M-1')).map(({ what }) => what);
  expect(trail.slice(-5)).toEqual(['approved', 'approved', 'ordered', 'acted', 'recovered']);
  await vi.waitFor(() => {
    const texts = workspace.thread(CHANNEL, root()?.ts ?? '').map(({ text }) => text);
    expect(texts.filter((text) => text.includes('From the opening of the case'))).toHaveLength(1);
    expect(texts.filter((text) => text.includes(': rolled back v2 → v1'))).toHaveLength(1);
  }, WAIT);
});
