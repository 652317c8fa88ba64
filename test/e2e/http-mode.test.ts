import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { openStage, type Stage } from '../support/stage.ts';

let stage: Stage;
let workspace: Workspace;

afterEach(async () => {
  await stage.close();
  await workspace.close();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

it('takes signed commands over HTTP on the port of the bot, beside its health', { timeout: 180_000 }, async () => {
  const port = await freePort();
  stage = await openStage();
  workspace = await startWorkspace({ mode: { kind: 'http', requestUrl: `http://127.0.0.1:${port}/slack/events` } });
  const bot = stage.role(['bot'], {
    PORT: String(port),
    SLACK_BOT_TOKEN: workspace.botToken,
    SLACK_SIGNING_SECRET: workspace.signingSecret,
    SLACK_API_URL: workspace.apiUrl,
  });
  await vi.waitFor(() => expect(bot.log()).toContain('the bot is up'), { timeout: 90_000 });
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);

  const said = await workspace.command({ user: 'U0ALICE', channel: 'C0ONCALL', text: 'checkuot' });
  expect(said.response?.text).toContain('Did you mean `checkout`?');
  const forged = await fetch(`http://127.0.0.1:${port}/slack/events`, { method: 'POST', body: 'command=/memtriage' });
  expect(forged.status).toBe(401);
  expect(await bot.stop()).toBe(0);
});
