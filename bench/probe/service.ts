import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { lookInside } from '../../src/adapters/transports/look-inside.ts';
import { metered, type Transport } from '../../src/adapters/transports/transport.ts';
import { unixSocketTransport } from '../../src/adapters/transports/unix-socket.ts';
import type { InsideLook, VerbCost } from '../../src/analysis/look.ts';
import type { Python } from '../../test/support/pythons.ts';

export const PROBE_DIR = fileURLToPath(new URL('../../src/probe', import.meta.url));
export const PROGRAM = fileURLToPath(new URL('./service.py', import.meta.url));

const Latencies = z.object({
  requests: z.number(),
  p50: z.number(),
  p99: z.number(),
  max: z.number(),
  peakMib: z.number(),
});
const Forked = z.object({ milliseconds: z.number(), cpuMilliseconds: z.number() });
const Naive = Latencies.extend({ seconds: z.number() });
/** Milliseconds. */
export type Latencies = z.infer<typeof Latencies>;

export type ServiceOptions = { objects?: number; modules?: number; tracedBlocks?: number; padMib?: number };

/** One real process under load (service.py), with a probe in it. */
export type Service = {
  transport: Transport;
  /** Of every command so far. */
  costs: readonly VerbCost[];
  look(earlier: InsideLook | null, fork?: boolean): Promise<InsideLook>;
  /** Of the requests since the last call. */
  latencies(): Promise<Latencies>;
  /** A bare fork() of it: the stop, and the CPU of the thread that forked. */
  fork(): Promise<z.infer<typeof Forked>>;
  naive(): Promise<Latencies & { seconds: number }>;
  rssMib(): number;
};

export async function withService<T>(
  { path }: Python,
  { objects = 0, modules = 0, tracedBlocks = 0, padMib = 0 }: ServiceOptions,
  work: (service: Service) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'mt-bench-'));
  const env = { PATH: process.env['PATH'], PYTHONPATH: PROBE_DIR, MEMTRIAGE_SOCKET_DIR: dir };
  const args = [objects, modules, tracedBlocks, padMib].map(String);
  const child = spawn(path, [PROGRAM, ...args], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  async function order(what: string): Promise<unknown> {
    child.stdin.write(`${what}\n`);
    return JSON.parse((await lines.next()).value ?? 'null');
  }
  try {
    await lines.next();
    const [socket = ''] = await readdir(dir);
    const [pid = 0, startTicks = 0] = socket.split('.').map(Number);
    const costs: VerbCost[] = [];
    const transport = metered(unixSocketTransport(join(dir, socket)), costs);
    return await work({
      transport,
      costs,
      look: (earlier, fork = false) => lookOrThrow(transport, { pid, startTicks }, earlier, fork),
      latencies: async () => Latencies.parse(await order('phase')),
      fork: async () => Forked.parse(await order('fork')),
      naive: async () => Naive.parse(await order('naive')),
      rssMib: () => Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) / 256,
    });
  } finally {
    child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  }
}

async function lookOrThrow(
  transport: Transport,
  target: { pid: number; startTicks: number },
  earlier: InsideLook | null,
  fork: boolean,
): Promise<InsideLook> {
  const signal = AbortSignal.timeout(120_000);
  const look = await lookInside(transport, target, earlier, { fork, signal });
  if (look.outcome !== 'ok') throw new Error(look.why);
  return look.value;
}
