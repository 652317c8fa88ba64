/**
 * What a collector costs: `bench/collector.ts [--processes 200] [--every 15] [--ticks 8]`. The built command
 * (`npm run build` first) beside real Python processes with their probes, on a real Redis: CPU as share of one core,
 * RSS, and bytes of Redis memory a sample. The first tick, with all its new processes, is told apart.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Redis } from 'ioredis';
import { kernelUnits } from '../src/adapters/procfs/kernel-units.ts';
import { samplesKey } from '../src/adapters/redis/keys.ts';
import { DAY_MS, packSamples } from '../src/adapters/redis/sample-record.ts';
import { createPrograms, type Programs } from '../test/collector/programs.ts';
import { startRedis } from '../test/support/redis.ts';

const PREFIX = '{memtriage}';
const MIB = 1 << 20;
const CLI = 'dist/main/cli.js';

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '200' },
    every: { type: 'string', default: '15' },
    ticks: { type: 'string', default: '8' },
  },
});
const processes = Number(values.processes);
const everySeconds = Number(values.every);
const ticks = Number(values.ticks);

const redis = await startRedis();
const programs = await createPrograms();
let collector: ChildProcess | null = null;
let closing: Promise<void> | null = null;
// 200 processes must not outlive a benchmark that is stopped, or whose reader (`| head`) hangs up.
process.stdout.on('error', () => {});
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => void closeAll().then(() => process.exit(130)));
try {
  await startProcesses(programs);
  collector = startCollector(programs.sockets);
  await measureCollector(redis.connect(), collector.pid ?? 0);
  await measureSampleBytes(redis.connect());
} finally {
  await closeAll();
}

/** A signal and the end that it brings about both come here: the second one waits for the first. */
function closeAll(): Promise<void> {
  closing ??= close();
  return closing;
}

async function close(): Promise<void> {
  if (collector !== null && collector.exitCode === null) {
    collector.kill('SIGTERM');
    await once(collector, 'exit');
  }
  await programs.close();
  await redis.close();
}

async function startProcesses({ start }: Programs): Promise<void> {
  for (let started = 0; started < processes; started += 10) {
    await Promise.all(Array.from({ length: Math.min(10, processes - started) }, () => start()));
  }
}

function startCollector(sockets: string): ChildProcess {
  const config = `${sockets}/memtriage.yaml`;
  writeFileSync(
    config,
    `sampling: { every: ${everySeconds}s, keep: 7d }\nservices:\n  checkout: { sockets: ${sockets} }\n`,
  );
  const environment = {
    ...process.env,
    MEMTRIAGE_CONFIG: config,
    REDIS_URL: `unix://${redis.path}`,
    LOG_LEVEL: 'warn',
  };
  return spawn(process.execPath, [CLI, 'collector'], { env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function measureCollector(client: Redis, pid: number): Promise<void> {
  while ((await samplesKeys(client)).length < processes) await setTimeout(100);
  // Identification of the new processes goes on for a moment.
  await setTimeout(5000);
  const first = cpuSeconds(pid);
  console.log(`start with ${processes} processes: ${(first * 1000).toFixed(0)} ms CPU, RSS ${rssMib(pid)} MiB`);
  const begin = performance.now();
  await setTimeout(ticks * everySeconds * 1000);
  const share = (cpuSeconds(pid) - first) / ((performance.now() - begin) / 1000);
  const perTickMs = share * everySeconds * 1000;
  console.log(
    `${processes} processes every ${everySeconds} s: ${(share * 100).toFixed(2)} % of a core ` +
      `(${perTickMs.toFixed(0)} ms a tick), RSS ${rssMib(pid)} MiB over ${ticks} ticks; goals 2 %, 100 MiB`,
  );
}

/** Fills whole days as the collector does, one APPEND a sample, and asks Redis for the growth of its memory. */
async function measureSampleBytes(client: Redis): Promise<void> {
  for (const days of [0.25, 0.5, 1]) {
    const perDay = Math.round((days * DAY_MS) / 15_000);
    const before = await usedMemory(client);
    for (let instance = 0; instance < 20; instance += 1) await fill(client, `${days}-${instance}`, perDay);
    const bytes = ((await usedMemory(client)) - before) / (20 * perDay);
    console.log(`${days} d of 15 s samples: ${bytes.toFixed(1)} bytes of Redis memory a sample; goal 24`);
  }
}

async function fill(client: Redis, instance: string, samples: number): Promise<void> {
  const pipeline = client.pipeline();
  for (let index = 0; index < samples; index += 1) {
    const sample = { atMs: index * 15_000, rssBytes: 100 * MIB, anonymousBytes: 50 * MIB };
    pipeline.append(samplesKey(PREFIX, 'bench', instance, 0), packSamples([sample]));
  }
  await pipeline.exec();
}

async function samplesKeys(client: Redis): Promise<string[]> {
  return await client.keys(`${PREFIX}:samples:*`);
}

async function usedMemory(client: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
}

function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / kernelUnits.ticksPerSecond;
}

function rssMib(pid: number): string {
  const kib = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
  return (kib / 1024).toFixed(0);
}
