/**
 * The Slack side under load, against the workspace on loopback with Slack's own limits and a real Redis:
 * `bench/slack.ts [--commands 1000] [--per-second 50] [--triages 500] [--channels 50]`.
 */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { createTriageQueue } from '../src/adapters/bullmq/triage-queue.ts';
import { createIncidentBook } from '../src/adapters/redis/incident-book.ts';
import type { CommandDesk } from '../src/adapters/slack/command-desk.ts';
import { createOutbox } from '../src/adapters/slack/outbox.ts';
import { startOutboxWorker } from '../src/adapters/slack/outbox-worker.ts';
import { startSlackApp } from '../src/adapters/slack/slack-app.ts';
import { createSlackWeb } from '../src/adapters/slack/slack-web.ts';
import { startWorkspace } from '../src/demo/workspace/workspace.ts';
import { anIncident, aProgress, aReport } from '../test/slack/reports.ts';
import { startRedis } from '../test/support/redis.ts';

const { values } = parseArgs({
  options: {
    commands: { type: 'string', default: '1000' },
    'per-second': { type: 'string', default: '50' },
    triages: { type: 'string', default: '500' },
    channels: { type: 'string', default: '50' },
  },
});
const PREFIX = '{memtriage}';
const logger = pino({ level: 'silent' });
const channels = Array.from({ length: Number(values.channels) }, (_, i) => ({ id: `C0BENCH${i}`, name: `bench-${i}` }));

const redis = await startRedis();
const workspace = await startWorkspace({ enforceRateLimits: true, channels });
const common = { botToken: workspace.botToken, slackApiUrl: workspace.apiUrl, logger };
const web = createSlackWeb(common);
const command = new Redis({
  path: redis.path,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  commandTimeout: 900,
});
command.on('error', () => {});
await once(command, 'ready');

await benchCommands();
await benchTriages();
await benchRedisDown();

command.disconnect();
await workspace.close();
await redis.close();

/** From Slack's envelope to the ack that says what was stored. */
async function benchCommands(): Promise<void> {
  const { app, queue } = await openDesk();
  const total = Number(values.commands);
  const everyMs = 1000 / Number(values['per-second']);
  const began = performance.now();
  const reactions = await Promise.all(
    Array.from({ length: total }, async (_, i) => {
      await setTimeout(i * everyMs);
      return await workspace.command({ user: 'U0ALICE', channel: channelOf(i), text: `service-${i}` });
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const started = reactions.filter(({ response }) => response?.text.includes('started as') === true);
  const times = reactions.map(({ ackMs }) => ackMs);
  console.log(
    `command to ack, ${total} commands at ${(total / seconds).toFixed(0)}/s: ${quantiles(times)} ms; ${started.length} stored`,
  );
  await app.close();
  await queue.close();
}

async function benchRedisDown(): Promise<void> {
  const { app, queue } = await openDesk();
  await redis.kill();
  const reactions = [];
  for (let i = 0; i < 20; i += 1) {
    reactions.push(await workspace.command({ user: 'U0ALICE', channel: channelOf(i), text: `down-${i}` }));
  }
  const honest = reactions.filter(({ response }) => response?.text.includes('Nothing was started') === true).length;
  console.log(
    `command to ack with Redis down: ${quantiles(reactions.map(({ ackMs }) => ackMs))} ms; ${honest} of ${reactions.length} say that nothing was started`,
  );
  await app.close();
  await Promise.race([queue.close(), setTimeout(1000)]);
}

/** All at once on one bot: root, four steps of progress within 1 to 3 s, the report and its evidence. */
async function benchTriages(): Promise<void> {
  const outbox = createOutbox({ redis: command, connection: command, prefix: PREFIX, web, logger });
  const worker = await startOutboxWorker({
    redis: command,
    queueConnection: command,
    workerConnection: { path: redis.path, maxRetriesPerRequest: null },
    prefix: PREFIX,
    web,
    logger,
  });
  const ids = Array.from({ length: Number(values.triages) }, (_, i) => `M-${100_000 + i}`);
  const began = performance.now();
  const published = new Map<string, number>();
  const shown = new Map<string, number>();
  const reportShown = new Promise<void>((resolve) => {
    workspace.watch(({ message }) => {
      const id = String(message.metadata?.event_payload['incident']);
      if (message.threadTs !== null || !message.text.includes('ROLL BACK')) return;
      shown.set(id, performance.now() - (published.get(id) ?? began));
      if (shown.size === ids.length) resolve();
    });
  });
  await Promise.all(
    ids.map(async (id, i) => {
      const incident = anIncident({ id, channelId: channelOf(i) });
      await outbox.showProgress(incident, aProgress({ incident: id }));
      await setTimeout(1000 + (i % 20) * 100);
      await untilStored(() => outbox.publishReport(incident, aReport({ incident: id })));
      published.set(id, performance.now());
    }),
  );
  await reportShown;
  const rootSeconds = (performance.now() - began) / 1000;
  while ((await command.exists(`${PREFIX}:outbox:channels`)) === 1) await setTimeout(100);
  const allSeconds = (performance.now() - began) / 1000;
  await worker.close();
  await outbox.close();
  tellTriages(ids, [...shown.values()], rootSeconds, allSeconds);
}

/** The triage job tries again, too, when Redis did not answer in time. */
async function untilStored(publish: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await publish();
    } catch {
      await setTimeout(1000);
    }
  }
}

function tellTriages(
  ids: readonly string[],
  shownMs: readonly number[],
  rootSeconds: number,
  allSeconds: number,
): void {
  const messages = channels.flatMap(({ id }) => workspace.everPosted(id));
  const keys = messages.map(({ metadata }) => JSON.stringify(metadata?.event_payload));
  const calls = workspace.calls().filter(({ method }) => method.startsWith('chat.'));
  const limited = calls.filter(({ status }) => status === 429).length;
  const edits = calls.filter(({ method, ok }) => method === 'chat.update' && ok).length;
  console.log(
    [
      `${ids.length} triages at once over ${channels.length} channels: all ${shownMs.length} verdicts shown after ${rootSeconds.toFixed(0)} s, all evidence after ${allSeconds.toFixed(0)} s`,
      `  ${messages.length} messages, ${keys.length - new Set(keys).size} of them twice; ${edits} edits; ${limited} of ${calls.length} calls answered 429`,
      `  report to root: ${quantiles(shownMs)} ms; smallest gap between two posts of one channel: ${smallestGapMs()} ms`,
      `  memory of this process: ${(process.memoryUsage().rss / 1024 ** 2).toFixed(0)} MiB, the workspace included`,
    ].join('\n'),
  );
}

function smallestGapMs(): number {
  const gaps = channels.flatMap(({ id }) => {
    const posts = workspace
      .calls()
      .filter(({ method, channel, ok }) => method === 'chat.postMessage' && channel === id && ok);
    return posts.slice(1).map(({ at }, i) => at - (posts[i]?.at ?? 0));
  });
  return Math.min(...gaps);
}

/** As the bot's desk stores a request: the incident, then its job. */
async function openDesk() {
  const incidents = createIncidentBook(command, PREFIX, Date.now);
  const queue = createTriageQueue(command, PREFIX);
  const desk: CommandDesk = {
    serviceNames: () => [],
    defaultSinceSeconds: () => 86_400,
    startTriage: async (request) => {
      try {
        const { incident } = await incidents.openOrJoin(request, 'local', request.requestId);
        await queue.add(incident.id);
        return { kind: 'started', incident };
      } catch {
        return { kind: 'not-stored', why: 'Redis does not answer', tryThis: 'Ask again in a minute.' };
      }
    },
    listServices: async () => [],
    status: async () => ({ kind: 'unknown-service' }),
    baseline: async () => ({ kind: 'unknown-service' }),
    postmortem: async () => ({ kind: 'unknown-service' }),
    history: async () => ({ kind: 'unknown-service' }),
    onCall: async () => [],
    silence: async () => ({ kind: 'unknown-service' }),
  };
  const signal = new AbortController().signal;
  const app = await startSlackApp({
    ...common,
    appToken: workspace.appToken,
    signingSecret: null,
    port: null,
    desk,
    actions: { press: async () => ({ kind: 'told', text: null }), submit: async () => null },
    isFirst: async () => true,
    web,
    signal,
  });
  return { app, queue };
}

function channelOf(i: number): string {
  return channels[i % channels.length]?.id ?? '';
}

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(0);
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, max ${at(1)}`;
}
