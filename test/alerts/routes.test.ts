import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { type Queue, UnrecoverableError } from 'bullmq';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAlertQueue, startAlertWorker } from '../../src/adapters/bullmq/alert-queue.ts';
import { closeWorker } from '../../src/adapters/close-worker.ts';
import { alertRoutes } from '../../src/adapters/http/alert-routes.ts';
import { type BotServer, startBotServer } from '../../src/adapters/http/bot-server.ts';
import { openQueue } from '../../src/adapters/open-queue.ts';
import { createAlertEpisodes } from '../../src/adapters/redis/alert-episodes.ts';
import { createDeployBook } from '../../src/adapters/redis/deploy-book.ts';
import { withTimes } from '../../src/desks/alert-times.ts';
import { ok } from '../../src/errors.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { alertmanagerBody, alertOf, grafanaBody } from './senders.ts';

const TOKEN = 'a-webhook-token';
const PREFIX = '{test}';

let redis: TestRedis;
let connection: Redis;
let server: BotServer;
let queue: ReturnType<typeof createAlertQueue>;
let stored: Queue;
let logged: string[];

beforeEach(async () => {
  logged = [];
  redis = await startRedis();
  connection = new Redis({
    path: redis.path,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 900,
    retryStrategy: () => 50,
  });
  connection.on('error', () => {});
  await once(connection, 'ready');
  queue = createAlertQueue(connection, PREFIX);
  stored = openQueue('alerts', connection, PREFIX);
  const episodes = createAlertEpisodes(connection, PREFIX);
  const deploys = createDeployBook(connection, PREFIX);
  server = await startBotServer({
    port: 0,
    token: TOKEN,
    whatIsMissing: async () => [],
    findReport: async () => null,
    findPostmortem: async () => null,
    slack: null,
    routes: alertRoutes({
      token: TOKEN,
      storeAlerts: async (alerts) => await queue.add(await withTimes(alerts, episodes, Date.now())),
      storeDeploy: async (deploy) => ok(await deploys.save(deploy).then(() => null)),
      logger: pino({ level: 'error' }, { write: (line) => void logged.push(line) }),
    }),
    onError: () => {},
  });
});

afterEach(async () => {
  await server.close();
  await queue.close();
  await stored.close();
  connection.disconnect();
  await redis.close();
});

async function send(path: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
}

async function storedAlerts() {
  const jobs = await stored.getJobs(['prioritized', 'waiting']);
  return jobs.map(({ data }) => data);
}

describe('an alert that comes in', () => {
  it('is stored when Alertmanager gets its 200', async () => {
    const { status } = await send('/alerts/alertmanager', alertmanagerBody(alertOf()));
    expect(status).toBe(200);
    expect(await storedAlerts()).toMatchObject([{ source: 'Alertmanager', kind: 'oom', name: 'PodOOMKilled' }]);
  });

  it('of Grafana is told apart by its shape, on either path', async () => {
    await send('/alerts/alertmanager', grafanaBody(alertOf()));
    await send('/alerts/grafana', grafanaBody(alertOf()));
    expect(await storedAlerts()).toMatchObject([{ source: 'Grafana' }, { source: 'Grafana' }]);
  });

  it('of three highly available senders is stored once', async () => {
    const body = alertmanagerBody(alertOf());
    const answers = await Promise.all([1, 2, 3].map(async () => await send('/alerts/alertmanager', body)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await storedAlerts()).toHaveLength(1);
  });

  it('is one of 200 in a webhook, firing and resolved mixed, and all are stored', async () => {
    const alerts = Array.from({ length: 200 }, (_, i) => alertOf({ status: i % 2 === 0 ? 'firing' : 'resolved' }));
    expect((await send('/alerts/alertmanager', alertmanagerBody(...alerts))).status).toBe(200);
    const statuses = (await storedAlerts()).map(({ status }) => status);
    expect(statuses.filter((status) => status === 'resolved')).toHaveLength(100);
    expect(statuses).toHaveLength(200);
  });

  it('beside one that cannot be read is stored, and the sender is told of the other', async () => {
    const { status, text } = await send('/alerts/alertmanager', alertmanagerBody(alertOf(), { status: 'perhaps' }));
    expect(status).toBe(400);
    expect(text).toContain('alerts[1]');
    expect(await storedAlerts()).toHaveLength(1);
  });

  it('is answered with 503 while Redis is down, and stored when it is sent again', async () => {
    const body = alertmanagerBody(alertOf());
    await redis.kill();
    const startedAt = Date.now();
    expect((await send('/alerts/alertmanager', body)).status).toBe(503);
    expect(Date.now() - startedAt).toBeLessThan(2000);
    await redis.start();
    await expect.poll(async () => (await send('/alerts/alertmanager', body)).status, { timeout: 20_000 }).toBe(200);
    expect(await storedAlerts()).toHaveLength(1);
  });

  it('that failed to its last try is taken again when its sender repeats it', async () => {
    const taken: string[] = [];
    const failures: string[] = [];
    const worker = startAlertWorker({
      connection: redis.connect(),
      prefix: PREFIX,
      async take({ name }) {
        taken.push(name);
        if (taken.length === 1) throw new UnrecoverableError('as after its last try');
        return await Promise.resolve({ kind: 'done' });
      },
      onError: (error) => void failures.push(error.message),
    });
    const body = alertmanagerBody(alertOf());
    await send('/alerts/alertmanager', body);
    await expect.poll(() => failures, { timeout: 20_000 }).toEqual(['as after its last try']);
    await send('/alerts/alertmanager', body);
    await expect.poll(() => taken.length, { timeout: 20_000 }).toBe(2);
    // What was taken to its end is a copy.
    await send('/alerts/alertmanager', alertmanagerBody(alertOf({ labels: { alertname: 'Next' } })));
    await send('/alerts/alertmanager', body);
    await expect.poll(() => taken, { timeout: 20_000 }).toEqual(['PodOOMKilled', 'PodOOMKilled', 'Next']);
    await closeWorker(worker);
  });

  it('of any other sender is stored by its own key', async () => {
    const alert = { service: 'checkout', kind: 'oom', severity: 'page', dedup_key: 'k1', labels: { pod: 'a' } };
    expect((await send('/alerts/generic', alert)).status).toBe(200);
    expect((await send('/alerts/generic', alert)).status).toBe(200);
    expect(await storedAlerts()).toMatchObject([{ source: 'webhook', service: 'checkout', labels: { pod: 'a' } }]);
    // The key is that service's own.
    await send('/alerts/generic', { ...alert, service: 'cart' });
    expect(await storedAlerts()).toHaveLength(2);
  });

  it('of a sender that tells no times is another one once it was resolved, also within a day; an end that overtook it ends it', async () => {
    const alert = { service: 'checkout', kind: 'rss_growth', dedup_key: 'k1' };
    const told = async (status: string) =>
      expect((await send('/alerts/generic', { ...alert, status })).status).toBe(200);
    for (const status of ['firing', 'firing', 'resolved', 'resolved', 'firing', 'resolved']) await told(status);
    const count = async () => (await storedAlerts()).map(({ status, startsAt }) => `${status} ${startsAt}`);
    expect((await count()).filter((one) => one.startsWith('firing'))).toHaveLength(2);
    expect((await count()).filter((one) => one.startsWith('resolved'))).toHaveLength(2);
    await send('/alerts/generic', { ...alert, dedup_key: 'k2', status: 'resolved' });
    await send('/alerts/generic', { ...alert, dedup_key: 'k2' });
    const all = await count();
    expect(all.filter((one) => one.startsWith('firing'))).toHaveLength(3);
    for (const one of all.filter((one) => one.startsWith('firing'))) {
      expect(all).toContain(one.replace('firing', 'resolved'));
    }
  });
});

describe('a sender', () => {
  it.each([
    ['no token', { authorization: '' }],
    ['a wrong token', { authorization: 'Bearer another' }],
    ['a token that is longer', { authorization: `Bearer ${TOKEN}x` }],
    ['the token in another scheme', { authorization: `Basic ${TOKEN}` }],
    ['a wrong signature', { authorization: '', 'x-grafana-alerting-signature': '00' }],
  ])('with %s gets 401 on every path, and nothing is stored', async (_, headers) => {
    const paths = ['/alerts/alertmanager', '/alerts/grafana', '/alerts/generic', '/deploys'];
    const answers = await Promise.all(
      paths.map(async (path) => await send(path, alertmanagerBody(alertOf()), headers)),
    );
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    expect(await storedAlerts()).toEqual([]);
  });

  it.each([
    ['the body alone', ''],
    ['its time and the body', String(Math.floor(Date.now() / 1000))],
  ])("is let in by Grafana's signature of %s", async (_, timestamp) => {
    const body = JSON.stringify(grafanaBody(alertOf()));
    const signed = timestamp === '' ? body : `${timestamp}:${body}`;
    const signature = createHmac('sha256', TOKEN).update(signed).digest('hex');
    const times: Record<string, string> = timestamp === '' ? {} : { 'x-grafana-alerting-timestamp': timestamp };
    const headers = { authorization: '', 'x-grafana-alerting-signature': signature, ...times };
    expect((await send('/alerts/grafana', body, headers)).status).toBe(200);
  });

  it('whose signature is ten minutes old gets 401', async () => {
    const body = JSON.stringify(grafanaBody(alertOf()));
    const timestamp = String(Math.floor(Date.now() / 1000) - 600);
    const signature = createHmac('sha256', TOKEN).update(`${timestamp}:${body}`).digest('hex');
    const headers = { 'x-grafana-alerting-signature': signature, 'x-grafana-alerting-timestamp': timestamp };
    expect((await send('/alerts/grafana', body, { authorization: '', ...headers })).status).toBe(401);
  });

  it('of more than 4 MiB gets 413, and the log says so: Alertmanager gives up on it', async () => {
    const body = JSON.stringify(alertmanagerBody(alertOf({ annotations: { summary: 'x'.repeat(4 * 1024 * 1024) } })));
    expect((await send('/alerts/alertmanager', body)).status).toBe(413);
    expect(logged).toEqual([expect.stringContaining('max_alerts')]);
  });

  it('of less than 4 MiB in one value is taken, and only its beginning is stored', async () => {
    const body = alertmanagerBody(alertOf({ annotations: { summary: 'x'.repeat(4 * 1024 * 1024 - 2000) } }));
    expect((await send('/alerts/alertmanager', body)).status).toBe(200);
    expect((await storedAlerts())[0].summary.length).toBeLessThanOrEqual(300);
  });

  it.each(['', '{', 'null', '[]', '{"alerts":7}', '"alerts"', '{"alerts":{"length":3}}', '\u0000'])(
    'of %j gets 400 with a reason that quotes nothing',
    async (body) => {
      const { status, text } = await send('/alerts/alertmanager', body);
      expect(status).toBe(400);
      expect(text).toMatch(/not JSON|no notification/);
    },
  );

  it('with another method gets 405', async () => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/alerts/alertmanager`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('a deploy that comes in', () => {
  it.each([
    [{ migration: 'irreversible' }, 'irreversible'],
    [{ labels: { migration: 'none' } }, 'none'],
    [{ migration: 'perhaps' }, undefined],
    [{ labels: 'many' }, undefined],
  ])('with %j tells of its migration: %s', async (told, migration) => {
    const deploy = { service: 'checkout', release: `v-${JSON.stringify(told)}`, ...told };
    expect((await send('/deploys', deploy)).status).toBe(200);
    const stored = await createDeployBook(connection, PREFIX).list('checkout', 0);
    expect(stored.find(({ release }) => release === deploy.release)?.migration).toBe(migration);
  });

  it('is stored once, with its time', async () => {
    const deploy = { service: 'checkout', release: 'v812', at: '2026-11-22T10:00:00Z' };
    expect((await send('/deploys', deploy)).status).toBe(200);
    expect((await send('/deploys', deploy)).status).toBe(200);
    expect(await createDeployBook(connection, PREFIX).list('checkout', 0)).toEqual([
      { schema: 1, service: 'checkout', release: 'v812', at: '2026-11-22T10:00:00.000Z' },
    ]);
  });

  it.each(['yesterday', 1_795_900_000, {}])('at %j gets 400: it is not taken for one of now', async (at) => {
    const { status, text } = await send('/deploys', { service: 'checkout', release: 'v813', at });
    expect([status, text]).toEqual([400, expect.stringContaining('at: expected a time in RFC 3339')]);
  });

  it('without a release gets 400 that names it', async () => {
    const { status, text } = await send('/deploys', { service: 'checkout' });
    expect([status, text]).toEqual([400, expect.stringContaining('release')]);
  });
});
