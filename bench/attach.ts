/**
 * What attaching does to unmodified processes: `bench/attach.ts [--attaches 100]`, spread over every CPython of this
 * machine and seven ways to spend a life in turn.
 * Prints how long main threads were held, and each attach that failed or harmed. Exit code 1 when there was one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readOwner, readProcess } from '../src/adapters/procfs/process.ts';
import { attachProbe } from '../src/adapters/transports/attach.ts';
import { unixSocketTransport } from '../src/adapters/transports/unix-socket.ts';
import { findPythons } from '../test/support/pythons.ts';

const PROBE_DIR = fileURLToPath(new URL('../src/probe', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../test/probe/programs/waits_and_works.py', import.meta.url));
const LIVES = ['sleep', 'accept', 'lock', 'event_loop', 'compute', 'allocate', 'map_memory'];
const GOES_ON_MS = 5000;
const { values } = parseArgs({ options: { attaches: { type: 'string', default: '100' } } });

type Result = { life: string; version: string; heldMs: number; failure: string | null };

const home = await mkdtemp(join(tmpdir(), 'mt-bench-attach-'));
const pythons = findPythons();
const results: Result[] = [];
try {
  for (let at = 0; at < Number(values.attaches); at += 1) {
    const python = pythons[at % pythons.length];
    const life = LIVES[Math.floor(at / pythons.length) % LIVES.length];
    if (python === undefined || life === undefined) throw new Error('no CPython on this machine');
    results.push({ life, version: python.version, ...(await attachOnce(python.path, life)) });
  }
} finally {
  await rm(home, { recursive: true, force: true });
}
for (const life of LIVES) print(life, results);
print('all', results);
const failures = results.filter(({ failure }) => failure !== null);
for (const { version, life, failure } of failures) console.log(`${version} ${life}: ${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;

async function attachOnce(python: string, life: string): Promise<Pick<Result, 'heldMs' | 'failure'>> {
  const child = spawn(python, ['-u', PROGRAM, life], { stdio: ['ignore', 'pipe', 'pipe'] });
  const pid = child.pid ?? 0;
  try {
    await once(child.stdout, 'data');
    const target = { pid, startTicks: readProcess(pid)?.startTicks ?? 0, release: null, owner: readOwner(pid) ?? 0 };
    const signal = new AbortController().signal;
    const options = { probeDirectory: PROBE_DIR, socketDirectory: join(home, 's'), signal };
    const outcome = await attachProbe(target, options);
    if (outcome.outcome !== 'ok') return { heldMs: Number.NaN, failure: outcome.why };
    const reply = await unixSocketTransport(outcome.value.socketPath).ask({ verb: 'ping' }, 5000, signal);
    const failure = reply.outcome === 'ok' ? await whyNotWell(child) : reply.failure.why;
    return { heldMs: outcome.value.stoppedSeconds * 1000, failure };
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

/** Its other thread beats, and its main thread did not find a wrong register or end. */
async function whyNotWell(child: ChildProcess): Promise<string | null> {
  const beat = new Promise<boolean>((resolve) => {
    child.stdout?.once('data', () => resolve(true));
    setTimeout(() => resolve(false), GOES_ON_MS).unref();
  });
  if (!(await beat)) return `hangs: no beat within ${GOES_ON_MS} ms`;
  return child.exitCode === null && child.signalCode === null
    ? null
    : `ended with ${child.exitCode ?? child.signalCode}`;
}

function print(name: string, all: readonly Result[]): void {
  const own = all.filter(({ life, heldMs }) => (name === 'all' || life === name) && !Number.isNaN(heldMs));
  const sorted = own.map(({ heldMs }) => heldMs).toSorted((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(2);
  console.log(
    `${name.padEnd(12)} ${sorted.length} attaches, held ms: p50 ${at(0.5)}  p90 ${at(0.9)}  p99 ${at(0.99)}  max ${at(1)}`,
  );
}
