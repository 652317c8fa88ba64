/**
 * What a person waits for, with the built bot (`npm run build` first), a real Redis and the workspace on loopback with
 * Slack's own limits: `bench/triage.ts [--runs 40] [--hours 24] [--services 500] [--channels 50]`.
 * From the command to the first figures in the thread, the memory of an idle bot, and many triages at once.
 */
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { REDIS_PREFIX } from '../src/adapters/redis/connection.ts';
import { beat } from '../src/adapters/redis/heartbeat.ts';
import { createInstanceStore } from '../src/adapters/redis/instance-store.ts';
import type { MemorySample } from '../src/adapters/redis/sample-record.ts';
import { createSampleStore } from '../src/adapters/redis/sample-store.ts';
import { startWorkspace } from '../src/demo/workspace/workspace.ts';
import { startRedis } from '../test/support/redis.ts';
import { openStage, type Role } from '../test/support/stage.ts';

const GOAL_FIRST_FIGURES_MS = 1000;
const GOAL_IDLE_MIB = 150;
const MIB = 1024 ** 2;
const EVERY_SECONDS = 15;
const KEEP_SECONDS = 7 * 86_400;
const INSTANCES = 4;
/** After the commands of the latency part: Slack's limit of edits (50 a minute) must not be what is measured. */
const BETWEEN_RUNS_MS = 2500;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '40' },
    hours: { type: 'string', default: '24' },
    services: { type: 'string', default: '500' },
    channels: { type: 'string', default: '50' },
  },
});
const runs = Number(values.runs);
const hours = Number(values.hours);
const services = Array.from({ length: Number(values.services) }, (_, i) => `service-${i}`);
const channels = Array.from({ length: Number(values.channels) }, (_, i) => ({ id: `C0BENCH${i}`, name: `bench-${i}` }));

const stage = await openStage(
  (sockets) => `slack: { channel: C0BENCH0 }
sampling: { every: ${EVERY_SECONDS}s, keep: 7d }
services:
${['checkout', ...services].map((name) => `  ${name}: { limit: 1GiB, sockets: ${JSON.stringify(`${sockets}/${name}`)} }`).join('\n')}
`,
);
const redis = await startRedis();
const workspace = await startWorkspace({ enforceRateLimits: true, channels });
const client = redis.connect();
try {
  await record('checkout', (hours * 3600) / EVERY_SECONDS);
  for (const name of services) await record(name, 3600 / EVERY_SECONDS);
  await beat(client, REDIS_PREFIX, 'local', 'bench');
  const bot = await startBot();
  tellIdle(bot);
  await benchFirstFigures(bot);
  await benchManyAtOnce(bot);
} finally {
  await stage.close();
  await workspace.close();
  await redis.close();
}

/** Samples as a collector leaves them, of instances that creep up by some MiB an hour. */
async function record(service: string, count: number): Promise<void> {
  const samples = createSampleStore({ redis: client, prefix: REDIS_PREFIX, keepSeconds: KEEP_SECONDS });
  const instances = createInstanceStore({ redis: client, prefix: REDIS_PREFIX, keepSeconds: KEEP_SECONDS });
  const now = Date.now();
  const names = Array.from({ length: INSTANCES }, (_, i) => `${4711 + i}.${count}`);
  await samples.append(names.map((instance, i) => ({ service, instance, samples: climb(now, count, i) })));
  await instances.save(
    service,
    names.map((instance) => ({
      schema: 1,
      instance,
      host: 'bench',
      release: 'v1',
      python: '3.13.0',
      startedAt: now / 1000 - count * EVERY_SECONDS,
      endedAt: null,
      endReason: null,
      limitBytes: null,
    })),
  );
}

function climb(now: number, count: number, instance: number): MemorySample[] {
  return Array.from({ length: count }, (_, i) => {
    const mib = 300 + (i * EVERY_SECONDS * (instance + 1)) / 1200 + 3 * Math.sin(i / 7 + instance);
    return {
      atMs: now - (count - i) * EVERY_SECONDS * 1000,
      rssBytes: Math.round(mib * MIB),
      anonymousBytes: Math.round(mib * 0.9 * MIB),
    };
  });
}

async function startBot(): Promise<Role> {
  const bot = stage.role(['bot'], {
    REDIS_URL: `unix://${redis.path}`,
    SLACK_BOT_TOKEN: workspace.botToken,
    SLACK_APP_TOKEN: workspace.appToken,
    SLACK_API_URL: workspace.apiUrl,
    LOG_LEVEL: 'warn',
  });
  await workspace.waitForSockets(1, 60_000);
  // Connections, the first watch of all services and the collection of what the start left behind.
  await setTimeout(10_000);
  return bot;
}

function tellIdle(bot: Role): void {
  const mib = rssMib(bot);
  console.log(`bot idle, ${services.length + 1} services: RSS ${mib.toFixed(0)} MiB; ${goal(mib, GOAL_IDLE_MIB)}`);
}

/** From the command to the first message or edit that shows a measured RSS, `--no-snapshot`, one run after the other. */
async function benchFirstFigures(bot: Role): Promise<void> {
  const cpuBefore = cpuSeconds(bot);
  const figures: number[] = [];
  const reports: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const channel = channelOf(run);
    const began = performance.now();
    const seen = shownIn(channel, began);
    const { response } = await workspace.command({ user: 'U0ALICE', channel, text: 'checkout --no-snapshot' });
    if (response?.text.includes('started as') !== true) throw new Error(`not started: ${response?.text}`);
    const { figuresMs, reportMs } = await seen;
    figures.push(figuresMs);
    reports.push(reportMs);
    await setTimeout(BETWEEN_RUNS_MS);
  }
  const samples = (INSTANCES * hours * 3600) / EVERY_SECONDS;
  console.log(
    [
      `command to first figures in the thread, ${runs} runs over ${samples} samples of ${INSTANCES} instances: ${quantiles(figures)} ms; ${goal(quantile(figures, 0.95), GOAL_FIRST_FIGURES_MS)}`,
      `  command to verdict: ${quantiles(reports)} ms; ${perTriage(bot, cpuBefore, runs)}`,
    ].join('\n'),
  );
}

function shownIn(channel: string, began: number): Promise<{ figuresMs: number; reportMs: number }> {
  return new Promise((resolve) => {
    let figuresMs: number | null = null;
    const stop = workspace.watch(({ message }) => {
      if (message.channel !== channel || !message.isBot || message.threadTs !== null) return;
      const elapsed = performance.now() - began;
      if (figuresMs === null && /RSS [\d.]+ [MG]iB/.test(message.text)) figuresMs = elapsed;
      if (message.text.startsWith('⏳') || figuresMs === null) return;
      stop();
      resolve({ figuresMs, reportMs: elapsed });
    });
  });
}

/** Every service at the same moment, on one bot. */
async function benchManyAtOnce(bot: Role): Promise<void> {
  const callsBefore = workspace.calls().length;
  const rootsBefore = roots().length;
  const cpuBefore = cpuSeconds(bot);
  const began = performance.now();
  const reactions = await Promise.all(
    services.map((name, i) =>
      workspace.command({ user: 'U0ALICE', channel: channelOf(i), text: `${name} --no-snapshot` }),
    ),
  );
  const acks = reactions.map(({ ackMs }) => ackMs);
  const started = reactions.filter(({ response }) => response?.text.includes('started as') === true).length;
  let peakMib = 0;
  while (verdicts().length < rootsBefore + started && performance.now() - began < 600_000) {
    peakMib = Math.max(peakMib, rssMib(bot));
    await setTimeout(100);
  }
  const verdictSeconds = (performance.now() - began) / 1000;
  while (await client.exists(`${REDIS_PREFIX}:outbox:channels`)) await setTimeout(100);
  const allSeconds = (performance.now() - began) / 1000;
  const posts = workspace.calls().slice(callsBefore);
  const limited = posts.filter(({ status }) => status === 429);
  const messages = channels.flatMap(({ id }) => workspace.everPosted(id));
  const keys = messages.map(({ metadata }) => JSON.stringify(metadata?.event_payload));
  console.log(
    [
      `${services.length} triages at once over ${channels.length} channels: ${started} started, acks ${quantiles(acks)} ms`,
      `  ${verdicts().length - rootsBefore} verdicts after ${verdictSeconds.toFixed(0)} s, all evidence after ${allSeconds.toFixed(0)} s; ${perTriage(bot, cpuBefore, started)}`,
      `  ${roots().length - rootsBefore} roots, ${keys.length - new Set(keys).size} messages twice; ${limited.length} of ${posts.length} calls answered 429 (${[...new Set(limited.map(({ method }) => method))].join(', ')})`,
      `  smallest gap between two posts of one channel: ${smallestGapMs(callsBefore)} ms; RSS at most ${peakMib.toFixed(0)} MiB, ${rssMib(bot).toFixed(0)} MiB after`,
    ].join('\n'),
  );
}

function roots() {
  return channels.flatMap(({ id }) =>
    workspace.everPosted(id).filter(({ threadTs, isBot }) => threadTs === null && isBot),
  );
}

function verdicts() {
  return roots().filter(({ text }) => !text.startsWith('⏳'));
}

function smallestGapMs(from: number): number {
  const posts = workspace.calls().slice(from);
  const gaps = channels.flatMap(({ id }) => {
    const times = posts.filter(({ method, channel, ok }) => method === 'chat.postMessage' && channel === id && ok);
    return times.slice(1).map(({ at }, i) => at - (times[i]?.at ?? 0));
  });
  return Math.min(...gaps);
}

function channelOf(i: number): string {
  return channels[i % channels.length]?.id ?? '';
}

function rssMib({ child }: Role): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

/** What does not depend on who else uses the machine, and a word on who does. */
function perTriage(bot: Role, before: number, triages: number): string {
  const [load = 0] = loadavg();
  return `${((1000 * (cpuSeconds(bot) - before)) / triages).toFixed(0)} ms of CPU a triage, load ${load.toFixed(1)} of ${cpus().length} cores`;
}

function cpuSeconds({ child }: Role): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // utime and stime (proc_pid_stat(5)), in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function goal(measured: number, wanted: number): string {
  const share = measured / wanted;
  return `goal ${wanted}, ${share <= 1 ? 'met' : 'MISSED'} at ${(share * 100).toFixed(0)} %`;
}

function quantiles(figures: readonly number[]): string {
  const at = (share: number): string => quantile(figures, share).toFixed(0);
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)}`;
}

function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
