/**
 * What a look costs a service under load: `bench/probe.ts [--python 3.12] [--objects 1000000] [--modules 0]`. One real
 * process serves requests of about 1 ms; latencies without a look, during T1 looks back to back, during a tracing window,
 * during a look by a forked child,
 * and during the naive way (tracemalloc, two snapshots, compare_to) in the same run. Milliseconds.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { lookInside, traceInside } from '../src/adapters/transports/look-inside.ts';
import { unixSocketTransport } from '../src/adapters/transports/unix-socket.ts';
import { findPythons } from '../test/support/pythons.ts';

const PROBE_DIR = fileURLToPath(new URL('../src/probe', import.meta.url));
const SERVICE = fileURLToPath(new URL('./probe_service.py', import.meta.url));
const PHASE_MS = 4000;

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    objects: { type: 'string', default: '1000000' },
    modules: { type: 'string', default: '0' },
  },
});

const pythons = findPythons().filter(
  ({ version }) => values.python === undefined || version.startsWith(`${values.python}.`),
);
const python = pythons.at(-1);
if (python === undefined) throw new Error(`no CPython ${values.python ?? ''} on this machine`);

const dir = await mkdtemp(join(tmpdir(), 'mt-bench-'));
const env = { PATH: process.env['PATH'], PYTHONPATH: PROBE_DIR, MEMTRIAGE_SOCKET_DIR: dir };
const service = spawn(python.path, [SERVICE, values.objects, values.modules], {
  env,
  stdio: ['pipe', 'pipe', 'inherit'],
});
const lines = createInterface({ input: service.stdout })[Symbol.asyncIterator]();

async function phase(name: string, work: () => Promise<string>): Promise<void> {
  await report();
  const told = await work();
  console.log(`${name.padEnd(26)} ${await report()}  ${told}`);
}

async function report(): Promise<string> {
  service.stdin.write('phase\n');
  const { p50, p99, max, requests, peakMiB } = JSON.parse((await lines.next()).value ?? '{}');
  return `p50 ${p50}  p99 ${p99}  max ${max}  (${requests} requests, peak RSS ${peakMiB} MiB)`;
}

async function looks(): Promise<string> {
  const end = Date.now() + PHASE_MS;
  const walls: number[] = [];
  let longest = 0;
  let cpu = 0;
  let collection = 0;
  while (Date.now() < end) {
    const began = Date.now();
    const look = await inside(null);
    longest = Math.max(longest, look.census?.longestSliceSeconds ?? 0);
    collection = Math.max(collection, look.runtime?.gc.longestPauseSeconds ?? 0);
    cpu = look.census?.cpuSeconds ?? 0;
    walls.push(Date.now() - began);
  }
  const owner = await ownerNamed();
  walls.sort((a, b) => a - b);
  const median = walls[Math.floor(walls.length / 2)];
  return `${walls.length} looks of ${median} ms, census CPU ${(cpu * 1000).toFixed(0)} ms, longest slice ${(longest * 1000).toFixed(1)} ms, longest collection ${(collection * 1000).toFixed(0)} ms; ${owner}`;
}

async function ownerNamed(): Promise<string> {
  const first = await inside(null);
  await setTimeout(500);
  const began = Date.now();
  const second = await inside(first);
  const top = second.census?.containers[0];
  return `owner ${top?.path} +${top?.lengthDiff} named in ${Date.now() - began} ms`;
}

async function window(): Promise<string> {
  const first = await inside(null);
  await setTimeout(500);
  const second = await inside(first);
  const traced = await traceInside(transport, second.census?.token ?? '', { seconds: 1.5, drainSeconds: 1 }, signal);
  if (traced.outcome !== 'ok') return traced.why;
  const { stopSeconds, survivors, tracedSeconds, sites } = traced.value;
  const top = sites.find(({ container }) => container === 'app.SESSIONS')?.frames[0];
  return `stop ${(stopSeconds * 1000).toFixed(1)} ms, traced ${tracedSeconds.toFixed(2)} s, ${survivors} survivors, app.SESSIONS at line ${top?.line}`;
}

async function child(): Promise<string> {
  const look = await lookInside(transport, target, null, { fork: true, signal });
  if (look.outcome !== 'ok') return look.why;
  const told = look.value.child;
  if (told === null) return look.value.notes.join(' ');
  const { stopSeconds, cpuSeconds, privateBytes, endedBy, largeBytes } = told;
  const milliseconds = (seconds: number | null) => ((seconds ?? 0) * 1000).toFixed(1);
  return `stop ${milliseconds(stopSeconds)} ms, child CPU ${milliseconds(cpuSeconds)} ms, ${((privateBytes ?? 0) / 1e6).toFixed(0)} MB its own, ${endedBy}, large blocks ${((largeBytes ?? 0) / 1e6).toFixed(1)} MB`;
}

async function inside(earlier: Parameters<typeof lookInside>[2]) {
  const look = await lookInside(transport, target, earlier, { fork: false, signal });
  if (look.outcome !== 'ok') throw new Error(look.why);
  return look.value;
}

await lines.next();
const signal = AbortSignal.timeout(300_000);
const [socket = ''] = await readdir(dir);
const [pid = 0, startTicks = 0] = socket.split('.').map(Number);
const transport = unixSocketTransport(join(dir, socket));
const target = { pid, startTicks };
console.log(
  `CPython ${python.version}, ${values.objects} objects of the heap, ${values.modules} modules; milliseconds`,
);
await phase('no look', () => setTimeout(PHASE_MS, ''));
await phase('T1, back to back', looks);
await phase('T2, one window', window);
for (let time = 0; time < 3; time += 1) await phase('T3, a forked child', child);
await phase('no look', () => setTimeout(PHASE_MS, ''));
await phase('naive tracemalloc(25)', async () => {
  service.stdin.write('naive\n');
  return setTimeout(PHASE_MS * 4, '');
});
service.kill('SIGKILL');
await rm(dir, { recursive: true, force: true });
