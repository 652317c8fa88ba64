import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { createIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import { TOKEN } from '../support/bot-site.ts';
import { shortConfig } from '../support/stage.ts';
import { CHANNEL, openRig, type Rig, WAIT } from './bot-rig.ts';
import { alertOf } from './senders.ts';

const TEAM = `teams:
  payments:
    timezone: America/Los_Angeles
    oncall: { rotation: [U0ALICE, U0BOB], handoff: Mon 09:00, since: 2026-01-05 }
`;
const withTeam = (sockets: string): string =>
  `${shortConfig(sockets).replace('    limit: 1GiB', '    limit: 1GiB\n    team: payments')}${TEAM}http: { publicUrl: 'https://memtriage.example.com/' }\n`;

let rig: Rig;

beforeAll(async () => {
  rig = await openRig(withTeam);
});

afterAll(async () => {
  await rig.close();
});

const pages = () => ['D0ALICE', 'D0BOB'].flatMap((channel) => rig.workspace.everPosted(channel));

async function say(text: string): Promise<string> {
  await rig.workspace.waitForSockets(1, 60_000);
  const { response } = await rig.workspace.command({ user: 'U0ALICE', channel: CHANNEL, text });
  return response?.text ?? '';
}

const growth = alertOf({ labels: { alertname: 'RssGrowth', memtriage_kind: 'rss_growth' } });

describe('a silenced service', () => {
  it('is one for everybody to see, with reason and end; what is no service is not', async () => {
    expect(await say('silence checkout 2h <!here> batch & run')).toContain('checkout is silenced for 2 h');
    expect(await say('silence list')).toContain('by <@U0ALICE>: here batch &amp; run');
    expect(await say('silence nobody 2h batch')).toContain("I don't know *nobody*");
    expect(await say('status')).toMatch(
      /silenced: checkout: until .*\nRedis: .*answers in .*\nQueues: .*\nSlack: .*\nCollector local: none is alive/s,
    );
  });

  it('opens no thread for growth, which waits; resolved meanwhile, nobody hears of it', async () => {
    expect(await rig.send(growth)).toBe(200);
    const client = rig.redis.connect();
    await vi.waitFor(async () => expect(await client.zcard('{memtriage}:alerts:delayed')).toBe(1), WAIT);
    expect(rig.roots()).toEqual([]);
    await rig.send({ ...growth, status: 'resolved', endsAt: new Date().toISOString() });
    await vi.waitFor(async () => expect(await client.zcard('{memtriage}:alerts:delayed')).toBe(0), WAIT);
    await rig.untilTaken();
    expect(rig.roots()).toEqual([]);
  });

  it('opens none for an alert of an OOM kill that was none: what a deploy explains waits like any other', async () => {
    const startsAt = new Date(Date.now() - 7_200_000).toISOString();
    const body = JSON.stringify({ service: 'checkout', release: 'v9', at: startsAt });
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await fetch(await rig.url('/deploys'), { method: 'POST', headers, body })).status).toBe(200);
    const restart = alertOf({ startsAt });
    await rig.send(restart);
    const client = rig.redis.connect();
    await vi.waitFor(async () => expect(await client.zcard('{memtriage}:alerts:delayed')).toBe(1), WAIT);
    await rig.send({ ...restart, status: 'resolved', endsAt: new Date().toISOString() });
    expect(rig.roots()).toEqual([]);
  });

  it('opens its thread for an OOM kill all the same, whose root says that nobody is paged', async () => {
    await rig.send(alertOf());
    await rig.untilReported();
    await vi.waitFor(() => expect(rig.root()).toMatch(/OOM kill ×1/), WAIT);
    expect(rig.root()).toMatch(
      /🔕 \*Silenced\* until .* by <@U0ALICE>: here batch &amp; run\. OOM kills are counted here, nobody is paged/,
    );
  });

  it('is not silenced any more when it is ended: thread and root say so, and whoever is on call is paged', async () => {
    expect(pages()).toEqual([]);
    expect(await say('silence end checkout')).toContain('not silenced any more');
    await vi.waitFor(() => expect(rig.root()).not.toContain('Silenced'), WAIT);
    await vi.waitFor(() => expect(rig.shown()).toContain('The silence was ended'), WAIT);
    await vi.waitFor(() => expect(pages()).toHaveLength(1), WAIT);
    expect(await say('silence end checkout')).toContain('is not silenced');
  });
});

describe('a command about a case that is open and reported', () => {
  it('is answered with its thread, where it is looked at again; no second root', async () => {
    await rig.untilReported();
    expect(await say('checkout')).toMatch(/M-1 of \*checkout\* is open already; I look again in its thread: <https?:/);
    await vi.waitFor(() => expect(rig.shown()).toContain('Looking again (asked by a command)'), WAIT);
    await vi.waitFor(
      async () => expect(await say('status M-1')).toMatch(/M-1 checkout: reported.*looked at 2 times/),
      WAIT,
    );
    expect(rig.roots()).toHaveLength(1);
  });

  it('links to its full report: signed, and nothing but that', async () => {
    const [root] = rig.roots();
    const found = /https:\/\/memtriage\.example\.com(\/incidents\/M-1\?until=\d+)&amp;(sig=[\w-]+)\|full report/;
    const [, path, signature] = found.exec(JSON.stringify(root)) ?? [];
    const page = await fetch(await rig.url(`${path}&${signature}`));
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('M-1')]);
    expect((await fetch(await rig.url(`${path}`))).status).toBe(401);
  });

  it('has a status with its story in order', async () => {
    const status = await say('status M-1');
    expect(status).toMatch(
      /Thread: https?:.*OOM kill ×1 on checkout-7f, told by Alertmanager.*opened by Alertmanager.*capture: .*evaluate: /s,
    );
    expect(await say('status M-99')).toContain('there is no incident M-99');
  });

  it('goes on, and is told by status, however often the command line looks for itself', async () => {
    const book = createIncidentBook(rig.redis.connect(), REDIS_PREFIX, Date.now);
    const request = { service: 'checkout', symptom: 'asked', sinceSeconds: 3600, takeSnapshot: false } as const;
    const looks = Array.from({ length: 501 }, () =>
      book.openOrJoin({ ...request, openedBy: 'command line', channelId: null }, 'local'),
    );
    expect((await Promise.all(looks)).map(({ incident }) => incident.state)).toEqual(looks.map(() => 'closed'));
    expect(await say('status')).toMatch(/^\*Open incidents\*\nM-1 checkout: reported/);
  });
});

describe('while Redis is away', () => {
  it('commands, and the check of whether the bot is ready, say so in plain words', async () => {
    await rig.redis.kill();
    await vi.waitFor(
      async () => expect(await say('silence list')).toMatch(/^🟠 I can't answer right now \(Redis does not answer\)/),
      WAIT,
    );
    const ready = await fetch(await rig.url('/readyz'));
    expect([ready.status, await ready.text()]).toEqual([503, 'Redis does not answer\n']);
    await rig.redis.start();
    await vi.waitFor(async () => expect(await say('silence list')).toContain('*Silences*'), WAIT);
  });
});
