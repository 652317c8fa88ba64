import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { LEAKING, openStage, type Role, STEADY, type Stage, shortConfig } from '../support/stage.ts';

const CHANNEL = 'C0ONCALL';
const WAIT = { timeout: 90_000, interval: 100 };

let stage: Stage;
let redis: TestRedis;
let workspace: Workspace;

beforeEach(async () => {
  const openWithSteady = openStage(
    (sockets) =>
      `${shortConfig(join(sockets, 'checkout'))}  billing:\n    limit: 1GiB\n    sockets: ${JSON.stringify(join(sockets, 'billing'))}\n`,
  );
  [stage, redis, workspace] = await Promise.all([openWithSteady, startRedis(), startWorkspace()]);
  for (const service of ['checkout', 'billing']) await mkdir(join(stage.sockets, service), { mode: 0o700 });
});

afterEach(async () => {
  await stage.close();
  await workspace.close();
  await redis.close();
});

function startBot(): Role {
  return stage.role(['bot'], {
    REDIS_URL: `unix://${redis.path}`,
    SLACK_BOT_TOKEN: workspace.botToken,
    SLACK_APP_TOKEN: workspace.appToken,
    SLACK_API_URL: workspace.apiUrl,
    LOG_LEVEL: 'debug',
  });
}

function roots() {
  return workspace.everPosted(CHANNEL).filter(({ threadTs, isBot }) => threadTs === null && isBot);
}

async function untilLooks(bot: Role, service: string, looks: number): Promise<void> {
  const count = () =>
    bot
      .log()
      .split('\n')
      .filter((line) => line.includes(`"service":"${service}"`) && line.includes('"msg":"looked at"')).length;
  await vi.waitFor(() => expect(count()).toBeGreaterThanOrEqual(looks), WAIT);
}

it('a leak opens one thread without any command, a steady process none, and killing the bot changes nothing', {
  timeout: 150_000,
}, async () => {
  await stage.python(LEAKING, { MEMTRIAGE_SOCKET_DIR: join(stage.sockets, 'checkout') });
  await stage.python(STEADY, { MEMTRIAGE_SOCKET_DIR: join(stage.sockets, 'billing') });
  stage.role(['collector'], { REDIS_URL: `unix://${redis.path}` });
  const first = startBot();
  await vi.waitFor(() => expect(roots()).toHaveLength(1), WAIT);
  await first.kill();
  const second = startBot();
  await vi.waitFor(() => expect(roots()[0]?.text).toMatch(/RSS [\d.]+ [MG]iB/), WAIT);
  await untilLooks(second, 'checkout', 4);
  await untilLooks(second, 'billing', 4);
  expect(roots()).toHaveLength(1);
  expect(roots()[0]?.text).toContain('checkout');
  const client = redis.connect();
  expect(await client.keys('*:incident:M-*')).not.toContainEqual(expect.stringMatching(/M-2/));
});
