import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TOKEN } from '../support/bot-site.ts';
import { CHANNEL, openRig, type Rig, WAIT } from './bot-rig.ts';
import { alertOf } from './senders.ts';

let rig: Rig;

beforeEach(async () => {
  rig = await openRig();
});

afterEach(async () => {
  await rig.close();
});

function minutesAgo(minutes: number): string {
  return new Date(Date.now() - minutes * 60_000).toISOString();
}

function replies(): string[] {
  const { workspace, roots } = rig;
  return workspace
    .thread(CHANNEL, roots()[0]?.ts ?? '')
    .slice(1)
    .map(({ text }) => text);
}

describe('an OOM alert', () => {
  it('opens one thread that says so first, and its triage ends in a report', async () => {
    expect(await rig.send(alertOf())).toBe(200);
    await rig.untilReported();
    expect(rig.root()).toMatch(/^🔴 checkout: OOM kill ×1 \(.*\), checkout-7f\./);
    expect(rig.shown()).toContain('opened by Alertmanager');
    await vi.waitFor(() => expect(rig.shown()).toContain('told by Alertmanager'), WAIT);
  });

  it('that repeats is counted on the one root, also after the report; replies tell ×1, ×2 and ×5 only', async () => {
    await rig.send(alertOf({ startsAt: minutesAgo(38) }));
    await rig.untilReported();
    for (const minutes of [30, 20, 10, 5, 1, 0]) {
      const pod = minutes > 5 ? 'checkout-7f' : 'checkout-8a';
      await rig.send(alertOf({ startsAt: minutesAgo(minutes), labels: { pod } }));
      await rig.untilTaken();
    }
    const counted = /OOM kill ×7 in 38 min \(last .*\), checkout-7f, checkout-8a/;
    await vi.waitFor(() => expect(rig.root()).toMatch(counted), WAIT);
    await vi.waitFor(() => expect(rig.shown()).toContain('OOM kill ×5 on'), WAIT);
    // Two kills in an hour are critical by policy, whoever told of them: the runbook was begun anew.
    await vi.waitFor(() => expect(rig.root()).toContain('critical'), WAIT);
    expect(rig.root()).toMatch(/[2-7] OOM kills in 1 h \(critical from 2\)/);
    expect(rig.roots()).toHaveLength(1);
    const told = replies().flatMap((text) => /OOM kill ×\d+/.exec(text) ?? []);
    expect(told).toEqual(['OOM kill ×1', 'OOM kill ×2', 'OOM kill ×5']);
  });

  it('sent by three, and 200 in one webhook, end in one thread with the right count', async () => {
    const alerts = Array.from({ length: 200 }, (_, i) => alertOf({ labels: { pod: `checkout-${i % 20}` } }));
    // As senders do: what could not be stored in time (503, a busy machine) is sent again.
    const send = () => vi.waitFor(async () => expect(await rig.send(...alerts)).toBe(200), WAIT);
    await Promise.all([send(), send(), send()]);
    await vi.waitFor(() => expect(rig.root()).toMatch(/OOM kill ×200 .*20 instances/), WAIT);
    await rig.untilReported();
    expect(replies().filter((text) => text.includes('told by')).length).toBeLessThanOrEqual(6);
  });

  it('that resolves makes the root quiet with one reply, and firing again goes on in the same thread', async () => {
    const alert = alertOf();
    await rig.send(alert);
    await rig.untilReported();
    await rig.send({ ...alert, status: 'resolved', endsAt: new Date().toISOString() });
    await vi.waitFor(() => expect(rig.root()).toMatch(/^🟢 checkout: quiet since .*OOM kill ×1/), WAIT);
    await vi.waitFor(() => expect(rig.shown()).toContain('Quiet: every alert'), WAIT);
    await rig.send(alertOf());
    await vi.waitFor(() => expect(rig.root()).toMatch(/^🔴 checkout: OOM kill ×2/), WAIT);
    await vi.waitFor(() => expect(rig.shown()).toContain('Again: OOM kill ×2'), WAIT);
    const inChannel = rig.workspace.thread(CHANNEL, rig.roots()[0]?.ts ?? '').filter(({ broadcast }) => broadcast);
    expect(inChannel.map(({ text }) => text)).toEqual([expect.stringContaining('Again: OOM kill ×2')]);
    expect(rig.roots()).toHaveLength(1);
  });

  it('whose end overtook it, since its sender was slow, is over and does not fire for ever', async () => {
    const alert = alertOf();
    await rig.send({ ...alert, status: 'resolved', endsAt: new Date().toISOString() });
    await rig.untilTaken();
    await rig.send(alert);
    await vi.waitFor(() => expect(rig.root()).toMatch(/^🟢 checkout: quiet since .*OOM kill ×1/), WAIT);
    expect(rig.roots()).toHaveLength(1);
  });

  it('that a deploy explains is named as that restart, and counted as no kill', async () => {
    const deploy = JSON.stringify({ service: 'checkout', release: 'v9' });
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await fetch(await rig.url('/deploys'), { method: 'POST', headers, body: deploy })).status).toBe(200);
    await rig.send(alertOf());
    await rig.untilReported();
    expect(rig.root()).toMatch(/^🟠 checkout: memory alert ×1/);
    await vi.waitFor(() => expect(rig.shown()).toContain('No OOM kill: the deploy of v9 explains this'), WAIT);
  });

  it('survives kill -9 of the bot right after the 200: the root still comes, once', async () => {
    expect(await rig.send(alertOf())).toBe(200);
    await rig.restartBot();
    await rig.untilReported();
    // The triage may end first: the killed bot's hold on the alert lasts some seconds.
    await vi.waitFor(() => expect(rig.root()).toContain('OOM kill ×1'), WAIT);
    expect(rig.roots()).toHaveLength(1);
  });
});

describe('an alert of no service', () => {
  it('is told once, with its labels and the line that would place it', async () => {
    const labels = { service: 'basket', namespace: 'shop' };
    await rig.send(alertOf({ labels }), alertOf({ labels: { ...labels, pod: 'basket-1' } }));
    await rig.send(alertOf({ labels }));
    await vi.waitFor(() => expect(rig.roots()).toHaveLength(1), WAIT);
    await rig.untilTaken();
    expect(rig.shown()).toContain('alerts: { match: { service: "basket", namespace: "shop" } }');
    expect(rig.shown()).toContain('severity=page');
    expect(rig.roots()).toHaveLength(1);
  });

  it('is one of a flood: twenty are told, an alert that has a service still opens its thread first', async () => {
    const flood = Array.from({ length: 40 }, (_, i) => alertOf({ labels: { alertname: 'Odd', service: `odd-${i}` } }));
    await rig.send(...flood, alertOf());
    await rig.untilTaken();
    await vi.waitFor(() => expect(rig.roots().some(({ text }) => text.includes('OOM kill ×1'))).toBe(true), WAIT);
    expect(rig.roots().length).toBeLessThan(6);
    const client = rig.redis.connect();
    expect(await client.scard('{memtriage}:unplaced-alerts')).toBe(20);
  });
});
