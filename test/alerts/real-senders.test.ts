/** The real ones: a kill by the kernel, seen by the collector, and an Alertmanager. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TOKEN } from '../support/bot-site.ts';
import { makeCgroup, removeCgroup } from '../support/limited-cgroup.ts';
import { CHANNEL, openRig, type Rig, WAIT } from './bot-rig.ts';
import { alertOf } from './senders.ts';

const cgroup = makeCgroup(64 << 20);
const hasAlertmanager = spawnSync('prometheus-alertmanager', ['--version']).status === 0;

/** Waits for a file, then fills its memory far beyond the limit. */
const GLUTTON = `
import os, time
print("ready", flush=True)
while not os.path.exists(os.environ["GO"]): time.sleep(0.02)
held = [bytearray(8 << 20) for _ in range(64)]
time.sleep(60)`;

let rig: Rig;

beforeEach(async () => {
  rig = await openRig();
});

afterEach(async () => {
  await rig.close();
});

afterAll(async () => {
  if (cgroup !== null) await removeCgroup(cgroup.path);
});

describe.skipIf(cgroup === null)('a process that the kernel OOM-kills (needs a cgroup of our own)', () => {
  it('opens its thread, and the alert about the same kill is one more witness', async () => {
    const { stage, redis } = rig;
    const go = join(stage.dir, 'go');
    const victim = await stage.python(GLUTTON, { GO: go });
    writeFileSync(`${cgroup?.path}/cgroup.procs`, String(victim.pid));
    const collector = stage.role(['collector'], { REDIS_URL: `unix://${redis.path}` });
    await vi.waitFor(() => expect(collector.log()).toContain('process found'), WAIT);
    await rig.url('/');
    writeFileSync(go, '');
    await once(victim, 'exit');
    const killedAt = Date.now();
    await vi.waitFor(() => expect(rig.root()).toMatch(/^🔴 checkout: OOM kill ×1/), WAIT);
    // Less than 2 s on a machine that does nothing else.
    expect(Date.now() - killedAt).toBeLessThan(10_000);
    await rig.send(alertOf());
    await vi.waitFor(() => expect(rig.shown()).toContain('told by collector and Alertmanager'), WAIT);
    await rig.untilReported();
    expect(rig.root()).toMatch(/^🔴 checkout: OOM kill ×1 /);
    expect(rig.roots()).toHaveLength(1);
  });
});

describe.skipIf(!hasAlertmanager)('an alert in a real Alertmanager (needs prometheus-alertmanager)', () => {
  it('ends in a root, and in quiet once it is resolved there', async () => {
    const api = await startAlertmanager();
    const labels = { alertname: 'PodOOMKilled', service: 'checkout', pod: 'checkout-7f', severity: 'page' };
    const startsAt = new Date().toISOString();
    await post(api, [{ labels, startsAt, annotations: { summary: 'checkout was OOM-killed' } }]);
    await vi.waitFor(() => expect(rig.root()).toMatch(/^🔴 checkout: OOM kill ×1 .*checkout-7f/), WAIT);
    await rig.untilReported();
    await post(api, [{ labels, startsAt, endsAt: new Date().toISOString() }]);
    await vi.waitFor(() => expect(rig.root()).toMatch(/^🟢 checkout: quiet since/), WAIT);
    expect(rig.workspace.messages(CHANNEL).filter(({ isBot }) => isBot)).toHaveLength(1);
  });
});

/** Sends to the rig's bot, a group at once; ends with the stage. The address of its API. */
async function startAlertmanager(): Promise<string> {
  const { stage } = rig;
  const port = await freePort();
  const config = join(stage.dir, 'alertmanager.yml');
  await writeFile(
    config,
    `route: { receiver: memtriage, group_by: [alertname, service], group_wait: 0s, group_interval: 1s }
receivers:
  - name: memtriage
    webhook_configs:
      - url: ${await rig.url('/alerts/alertmanager')}
        http_config: { authorization: { type: Bearer, credentials: ${TOKEN} } }
`,
  );
  const args = [`--config.file=${config}`, `--storage.path=${join(stage.dir, 'alertmanager')}`];
  const listen = [`--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address='];
  const child = spawn('prometheus-alertmanager', [...args, ...listen], { stdio: 'ignore' });
  stage.adopt(child);
  const api = `http://127.0.0.1:${port}/api/v2/alerts`;
  await vi.waitFor(async () => expect((await fetch(api)).ok).toBe(true), WAIT);
  return api;
}

async function post(api: string, alerts: readonly unknown[]): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(api, { method: 'POST', headers, body: JSON.stringify(alerts) });
  expect(answer.status).toBe(200);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
