import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { openStage, type Role, type Stage, shortConfig } from '../support/stage.ts';
import { alertmanagerBody, alertOf } from './senders.ts';

const CHANNEL = 'C0ONCALL';
const TOKEN = 'a-webhook-token';
const WAIT = { timeout: 40_000, interval: 50 };

let stage: Stage;
let redis: TestRedis;
let workspace: Workspace;
let bot: Role;

beforeEach(async () => {
  [stage, redis, workspace] = await Promise.all([openStage(shortConfig), startRedis(), startWorkspace()]);
  bot = startBot();
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
    MEMTRIAGE_WEBHOOK_TOKEN: TOKEN,
  });
}

async function portOf({ log }: Role): Promise<number> {
  return await vi.waitFor(() => {
    const port = /"port":(\d+)/.exec(log())?.[1];
    expect(port).toBeDefined();
    return Number(port);
  }, WAIT);
}

async function send(...alerts: readonly unknown[]): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${await portOf(bot)}/alerts/alertmanager`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(alertmanagerBody(...alerts)),
  });
  return answer.status;
}

function roots() {
  return workspace.everPosted(CHANNEL).filter(({ threadTs, isBot }) => threadTs === null && isBot);
}

/** The thread as people see it, its lines joined. */
function shown(): string {
  const [root] = roots();
  return root === undefined ? '' : workspace.renderThread(CHANNEL, root.ts).replace(/\n\W*│ /g, ' ');
}

/** The verdict is on the only root, below what the alerts say. */
async function untilReported(): Promise<void> {
  await vi.waitFor(() => {
    expect(roots()).toHaveLength(1);
    expect(roots()[0]?.text).toContain("CAN'T TELL");
  }, WAIT);
}

function minutesAgo(minutes: number): string {
  return new Date(Date.now() - minutes * 60_000).toISOString();
}

describe('an OOM alert', () => {
  it('opens one thread that says so first, and its triage ends in a report', async () => {
    expect(await send(alertOf())).toBe(200);
    await untilReported();
    expect(roots()[0]?.text).toMatch(/^🔴 checkout: OOM kill ×1 \(.*\), checkout-7f\./);
    expect(shown()).toContain('opened by Alertmanager');
    await vi.waitFor(() => expect(shown()).toContain('told by Alertmanager'), WAIT);
  });

  it('that repeats is counted on the one root, also after the report; replies tell ×1, ×2 and ×5 only', async () => {
    await send(alertOf({ startsAt: minutesAgo(38) }));
    await untilReported();
    for (const minutes of [30, 20, 10, 5, 1, 0]) {
      await send(
        alertOf({ startsAt: minutesAgo(minutes), labels: { pod: minutes > 5 ? 'checkout-7f' : 'checkout-8a' } }),
      );
      await vi.waitFor(async () => expect(await waiting()).toBe(0), WAIT);
    }
    await vi.waitFor(
      () => expect(roots()[0]?.text).toMatch(/OOM kill ×7 in 38 min \(last .*\), checkout-7f, checkout-8a/),
      WAIT,
    );
    await vi.waitFor(() => expect(shown()).toContain('OOM kill ×5 on'), WAIT);
    expect(roots()).toHaveLength(1);
    const replies = workspace.thread(CHANNEL, roots()[0]?.ts ?? '').slice(1);
    const told = replies.flatMap(({ text }) => /OOM kill ×\d+/.exec(text) ?? []);
    expect(told).toEqual(['OOM kill ×1', 'OOM kill ×2', 'OOM kill ×5']);
  });

  it('sent by three, and 200 in one webhook, end in one thread with the right count', async () => {
    const alerts = Array.from({ length: 200 }, (_, i) => alertOf({ labels: { pod: `checkout-${i % 20}` } }));
    expect(await Promise.all([send(...alerts), send(...alerts), send(...alerts)])).toEqual([200, 200, 200]);
    await vi.waitFor(() => expect(roots()[0]?.text).toMatch(/OOM kill ×200 .*20 pods/), WAIT);
    await untilReported();
    const replies = workspace.thread(CHANNEL, roots()[0]?.ts ?? '').filter(({ text }) => text.includes('told by'));
    expect(replies.length).toBeLessThanOrEqual(6);
  });

  it('that resolves makes the root quiet with one reply, and firing again goes on in the same thread', async () => {
    const alert = alertOf();
    await send(alert);
    await untilReported();
    await send({ ...alert, status: 'resolved', endsAt: new Date().toISOString() });
    await vi.waitFor(() => expect(roots()[0]?.text).toMatch(/^🟢 checkout: quiet since .*OOM kill ×1/), WAIT);
    await vi.waitFor(() => expect(shown()).toContain('Quiet: every alert'), WAIT);
    await send(alertOf());
    await vi.waitFor(() => expect(roots()[0]?.text).toMatch(/^🔴 checkout: OOM kill ×2/), WAIT);
    await vi.waitFor(() => expect(shown()).toContain('Again: OOM kill ×2'), WAIT);
    expect(roots()).toHaveLength(1);
  });

  it('survives kill -9 of the bot right after the 200: the root still comes, once', async () => {
    expect(await send(alertOf())).toBe(200);
    await bot.kill();
    bot = startBot();
    await untilReported();
    expect(roots()[0]?.text).toContain('OOM kill ×1');
  });
});

describe('an alert of no service', () => {
  it('is told once, with its labels and the line that would place it', async () => {
    const labels = { service: 'basket', namespace: 'shop' };
    await send(alertOf({ labels }), alertOf({ labels: { ...labels, pod: 'basket-1' } }));
    await send(alertOf({ labels }));
    await vi.waitFor(() => expect(roots()).toHaveLength(1), WAIT);
    await vi.waitFor(async () => expect(await waiting()).toBe(0), WAIT);
    expect(shown()).toContain('alerts: { match: { service: "basket", namespace: "shop" } }');
    expect(shown()).toContain('severity=page');
    expect(roots()).toHaveLength(1);
  });
});

/** Alerts that are stored and not taken to their end yet. */
async function waiting(): Promise<number> {
  const client = redis.connect();
  try {
    const [prioritized, waitingNow, active, delayed] = await Promise.all([
      client.zcard('{memtriage}:alerts:prioritized'),
      client.llen('{memtriage}:alerts:wait'),
      client.llen('{memtriage}:alerts:active'),
      client.zcard('{memtriage}:alerts:delayed'),
    ]);
    return prioritized + waitingNow + active + delayed;
  } finally {
    client.disconnect();
  }
}
