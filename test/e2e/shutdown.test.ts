import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openRig, type Rig, WAIT } from '../alerts/bot-rig.ts';
import { alertmanagerBody, alertOf } from '../alerts/senders.ts';
import { TOKEN } from '../support/bot-site.ts';
import { STEADY } from '../support/stage.ts';

let rig: Rig;

beforeEach(async () => {
  rig = await openRig();
});
afterEach(async () => {
  await rig.close();
});

/** What the outside sees of a bot that ends, each the first time. */
type Seen = { accepted: number; refused: number | null; socketsGone: number | null; redisLeft: number | null };

async function watchItEnd(url: string, isOver: () => boolean): Promise<Seen> {
  const client = rig.redis.connect();
  const own = await client.client('ID');
  const seen: Seen = { accepted: 0, refused: null, socketsGone: null, redisLeft: null };
  const headers = { authorization: `Bearer ${TOKEN}` };
  for (let i = 0; !isOver(); i += 1) {
    const body = JSON.stringify(alertmanagerBody(alertOf({ labels: { pod: `late-${i}` } })));
    const status = await fetch(url, { method: 'POST', headers, body }).then(
      (answer) => answer.status,
      () => null,
    );
    if (status === 200) seen.accepted += 1;
    if (status === 503) seen.refused ??= Date.now();
    if (rig.workspace.socketCount() === 0) seen.socketsGone ??= Date.now();
    const clients = String(await client.client('LIST')).split('\n');
    const others = clients.filter((line) => line.includes('name=memtriage') && !line.startsWith(`id=${own} `));
    if (others.length === 0) seen.redisLeft ??= Date.now();
  }
  client.disconnect();
  return { ...seen, redisLeft: seen.redisLeft ?? Date.now() };
}

it('SIGTERM with work under way: refuses, lets go of Slack, then of Redis, within 30 s; nothing is lost', async () => {
  await rig.stage.python(STEADY);
  const collector = rig.stage.role(['collector'], { REDIS_URL: `unix://${rig.redis.path}` });
  await vi.waitFor(() => expect(collector.log()).toContain('process found'), WAIT);
  // Slack takes its time, so that a post is under way for certain.
  rig.workspace.faults.add({ method: 'chat.postMessage', kind: 'slow', ms: 1500, times: 2 });
  expect(await rig.send(alertOf(), alertOf({ labels: { pod: 'checkout-8a' } }))).toBe(200);
  await vi.waitFor(() => expect(rig.workspace.calls().some(({ method }) => method === 'chat.postMessage')).toBe(true), {
    ...WAIT,
    interval: 5,
  });
  const url = await rig.url('/alerts/alertmanager');
  let isOver = false;
  const began = Date.now();
  const watched = watchItEnd(url, () => isOver);
  const code = await rig.stopBot();
  const took = Date.now() - began;
  isOver = true;
  const { accepted, refused, socketsGone, redisLeft } = await watched;
  expect(code).toBe(0);
  expect(took).toBeLessThan(30_000);
  expect(refused).not.toBeNull();
  expect(socketsGone).not.toBeNull();
  expect(refused).toBeLessThanOrEqual(socketsGone ?? 0);
  expect(socketsGone).toBeLessThanOrEqual(redisLeft ?? 0);

  rig.startBot();
  await rig.untilReported();
  await rig.untilTaken();
  const kills = 2 + accepted;
  await vi.waitFor(() => expect(rig.root()).toContain(`OOM kill ×${kills} in`), WAIT);
  expect(rig.roots()).toHaveLength(1);
});
