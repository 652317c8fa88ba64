/**
 * A storm of alerts, with the built bot (`npm run build` first), a real Redis and the workspace on loopback with Slack's
 * own limits: `bench/storm.ts [--alerts 10000] [--services 300] [--seconds 60] [--channels 30] [--limited 60]
 * [--patience 420]`.
 * 40 other bots post into the channels, one body has 4 MB, one channel is rate-limited for `--limited` seconds. Told: what
 * was stored how fast, how soon OOM kills have their root meanwhile, memory, and what is left in Redis.
 */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { REDIS_PREFIX } from '../src/adapters/redis/connection.ts';
import { alertmanagerBody, alertOf } from '../test/alerts/senders.ts';
import { openBotSite, TOKEN } from '../test/support/bot-site.ts';
import type { Role } from '../test/support/stage.ts';

const GOAL_ROOT_SECONDS = 10;
const MIB = 1024 ** 2;
const A_REQUEST = 50;
/** Every tenth service is OOM-killed, once, somewhere in the storm; the others grow. */
const OOM_EVERY = 10;
const OTHER_BOTS = 40;

const { values } = parseArgs({
  options: {
    alerts: { type: 'string', default: '10000' },
    services: { type: 'string', default: '300' },
    seconds: { type: 'string', default: '60' },
    channels: { type: 'string', default: '30' },
    limited: { type: 'string', default: '60' },
    // After the storm, until everything of it is told. Slack takes 50 edits a minute.
    patience: { type: 'string', default: '420' },
  },
});
const PATIENCE_MS = Number(values.patience) * 1000;
const alerts = Number(values.alerts);
const seconds = Number(values.seconds);
const services = Array.from({ length: Number(values.services) }, (_, i) => `service-${i}`);
const channels = Array.from({ length: Number(values.channels) }, (_, i) => ({ id: `C0BENCH${i}`, name: `bench-${i}` }));
const channelOf = (i: number): string => channels[i % channels.length]?.id ?? '';
/** The last channel: the others must not notice. */
const limited = channelOf(channels.length - 1);

const { redis, workspace, startBot, close } = await openBotSite(
  () => `slack: { channel: C0BENCH0 }
services:
${services.map((name, i) => `  ${name}: { channel: ${channelOf(i)}, limit: 1GiB, sockets: /nowhere/${name} }`).join('\n')}
`,
  { enforceRateLimits: true, channels },
);
const client = redis.connect();
try {
  await storm();
} finally {
  await close();
}

type Told = { sentAt: number; rootAt: number | null };

async function storm(): Promise<void> {
  const bot = startBot({ PORT: '18923', LOG_LEVEL: 'error' });
  await workspace.waitForSockets(1, 60_000);
  await setTimeout(5000);
  const before = await state(bot);
  const limitedUntil = Date.now() + Number(values.limited) * 1000;
  workspace.faults.add({
    channel: limited,
    kind: 'rate-limit',
    retryAfterSeconds: 10,
    when: () => Date.now() < limitedUntil,
  });
  const kills = new Map<string, Told>();
  const stop = workspace.watch(({ message: { channel, threadTs, isBot, text } }) => {
    const service = /service-\d+/.exec(text)?.[0] ?? '';
    const told = kills.get(service);
    if (told === undefined || !isBot || threadTs !== null || !text.includes('OOM kill') || channel === '') return;
    told.rootAt ??= Date.now();
  });
  const peak = watchPeak(bot);
  const noise = otherBots();
  const sent = await sendAll(kills);
  const atEnd = await state(bot);
  await noise.end();
  const calm = await untilTold(kills);
  const after = await state(bot);
  stop();
  tell({ before, atEnd, after, sent, calm, kills, peak: await peak.end() });
}

type Sent = { seconds: number; stored: number; refused: number; answersMs: number[]; big: string };

/** Two senders, as a highly available pair: each alert comes twice. */
async function sendAll(kills: Map<string, Told>): Promise<Sent> {
  const sent: Sent = { seconds: 0, stored: 0, refused: 0, answersMs: [], big: '' };
  const began = performance.now();
  const requests = Math.ceil(alerts / A_REQUEST);
  await Promise.all([
    ...Array.from({ length: requests }, async (_, i) => {
      await setTimeout((i * seconds * 1000) / requests);
      const batch = Array.from({ length: A_REQUEST }, (__, k) => anAlert(i * A_REQUEST + k, kills));
      await Promise.all([send(batch, sent), send(batch, sent)]);
    }),
    (async () => {
      await setTimeout(seconds * 500);
      sent.big = await sendBig();
    })(),
  ]);
  sent.seconds = (performance.now() - began) / 1000;
  return sent;
}

function anAlert(i: number, kills: Map<string, Told>) {
  const n = i % services.length;
  const service = services[n] ?? '';
  const round = Math.floor(i / services.length);
  // One kill in every tenth service, spread over the whole storm.
  const isKill = n % OOM_EVERY === 0 && round === Math.floor(n / OOM_EVERY) % Math.floor(alerts / services.length);
  if (isKill) kills.set(service, { sentAt: Date.now(), rootAt: null });
  const labels = { alertname: isKill ? 'PodOOMKilled' : 'MemoryGrows', service, pod: `pod-${round}` };
  return alertOf({ labels, startsAt: new Date().toISOString() });
}

async function send(batch: readonly unknown[], sent: Sent): Promise<void> {
  const body = JSON.stringify(alertmanagerBody(...batch));
  const began = performance.now();
  for (;;) {
    const status = await post('/alerts/alertmanager', body);
    if (status === 200) break;
    sent.refused += 1;
    await setTimeout(500);
  }
  sent.stored += batch.length;
  sent.answersMs.push(performance.now() - began);
}

/** One request of just under 4 MiB, of alerts with as much text as they may have. */
async function sendBig(): Promise<string> {
  const text = 'x'.repeat(1500);
  const many = Array.from({ length: 2000 }, (_, i) =>
    alertOf({
      labels: { alertname: 'MemoryGrows', service: services[1] ?? '', pod: `big-${i}` },
      annotations: { summary: text },
    }),
  );
  const body = JSON.stringify(alertmanagerBody(...many));
  const began = performance.now();
  let tries = 1;
  // As its sender would: without it, one storm has these alerts and the next one hasn't.
  for (; (await post('/alerts/alertmanager', body)) !== 200; tries += 1) await setTimeout(500);
  return `${(body.length / MIB).toFixed(1)} MiB, ${many.length} alerts: stored after ${(performance.now() - began).toFixed(0)} ms, ${tries} tries`;
}

async function post(path: string, body: string): Promise<number> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  try {
    return (await fetch(`http://127.0.0.1:18923${path}`, { method: 'POST', headers, body })).status;
  } catch {
    return 0;
  }
}

/** They fill the history of the channels that lost posts are looked for in. */
function otherBots(): { end: () => Promise<void> } {
  let isOver = false;
  const posting = Array.from({ length: OTHER_BOTS }, async (_, i) => {
    for (let n = 0; !isOver; n += 1) {
      workspace.say({ user: 'U0BOB', channel: channelOf(i + n), text: `deploy ${n} of bot ${i}` });
      await setTimeout(1000);
    }
  });
  return {
    async end() {
      isOver = true;
      await Promise.all(posting);
    },
  };
}

/** Seconds until every kill has its root, and until nothing waits for Slack any more. */
async function untilTold(kills: Map<string, Told>): Promise<{ rootsSeconds: number; allSeconds: number | null }> {
  const began = Date.now();
  const end = began + PATIENCE_MS;
  while ([...kills.values()].some(({ rootAt }) => rootAt === null) && Date.now() < end) await setTimeout(100);
  const rootsSeconds = (Date.now() - began) / 1000;
  while ((await client.exists(`${REDIS_PREFIX}:outbox:channels`)) && Date.now() < end) await setTimeout(250);
  return { rootsSeconds, allSeconds: Date.now() < end ? (Date.now() - began) / 1000 : null };
}

type State = { keys: number; redisMib: number; rssMib: number; waiting: number };

async function state(bot: Role): Promise<State> {
  const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1] ?? 0);
  return { keys: await client.dbsize(), redisMib: used / MIB, rssMib: rssMib(bot), waiting: await waiting() };
}

async function waiting(): Promise<number> {
  const key = (name: string) => `${REDIS_PREFIX}:alerts:${name}`;
  const [prioritized, delayed, active] = [
    await client.zcard(key('prioritized')),
    await client.zcard(key('delayed')),
    await client.llen(key('active')),
  ];
  return prioritized + delayed + active;
}

function watchPeak(bot: Role): { end: () => Promise<State> } {
  const peak: State = { keys: 0, redisMib: 0, rssMib: 0, waiting: 0 };
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const now = await state(bot);
      peak.keys = Math.max(peak.keys, now.keys);
      peak.redisMib = Math.max(peak.redisMib, now.redisMib);
      peak.rssMib = Math.max(peak.rssMib, now.rssMib);
      peak.waiting = Math.max(peak.waiting, now.waiting);
      await setTimeout(500);
    }
  })();
  return {
    async end() {
      isOver = true;
      await watching;
      return peak;
    },
  };
}

function rssMib({ child }: Role): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

type Result = {
  before: State;
  atEnd: State;
  after: State;
  peak: State;
  sent: Sent;
  calm: { rootsSeconds: number; allSeconds: number | null };
  kills: Map<string, Told>;
};

function tell({ before, atEnd, after, peak, sent, calm, kills }: Result): void {
  const all = [...kills].map(([service, { sentAt, rootAt }]) => ({
    service,
    took: rootAt === null ? Infinity : (rootAt - sentAt) / 1000,
  }));
  const isLimited = ({ service }: { service: string }) => channelOf(services.indexOf(service)) === limited;
  const free = all.filter((one) => !isLimited(one)).map(({ took }) => took);
  const p95 = quantile(free, 0.95);
  const calls = workspace.calls();
  const edits = calls.filter(({ method }) => method === 'chat.update').length;
  const posts = calls.filter(({ method, ok }) => method === 'chat.postMessage' && ok).length;
  console.log(
    [
      `${sent.stored} alerts (each twice) of ${services.length} services in ${sent.seconds.toFixed(0)} s: ${(sent.stored / sent.seconds).toFixed(0)} a second stored, ${sent.refused} requests repeated; answers ${quantiles(sent.answersMs)} ms; load ${loadavg()[0]?.toFixed(1)}`,
      `  big body: ${sent.big}`,
      `  OOM kill to its root, ${free.length} kills: ${quantiles(free)} s; goal ${GOAL_ROOT_SECONDS}, ${p95 <= GOAL_ROOT_SECONDS ? 'met' : 'MISSED'}`,
      `  in the channel that was limited for ${values.limited} s: ${
        all
          .filter(isLimited)
          .map(({ took }) => took.toFixed(0))
          .join(', ') || 'no kill'
      } s`,
      `  after the last alert: all roots of kills ${calm.rootsSeconds.toFixed(0)} s, everything told ${calm.allSeconds === null ? `not within ${PATIENCE_MS / 1000} s` : `${calm.allSeconds.toFixed(0)} s`}; ${posts} posts, ${edits} edits`,
      ...Object.entries({ before, atEnd, after, peak }).map(
        ([when, { keys, redisMib, rssMib: rss, waiting: left }]) =>
          `  ${when}: ${keys} keys, Redis ${redisMib.toFixed(1)} MiB, bot ${rss.toFixed(0)} MiB, ${left} alerts waiting`,
      ),
    ].join('\n'),
  );
}

function quantiles(figures: readonly number[]): string {
  const at = (share: number): string => quantile(figures, share).toFixed(1);
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)}`;
}

function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
