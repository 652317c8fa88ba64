/**
 * The ledger of layers against the truth: nine programs (layer_programs.py) on every CPython of this machine, each by T1
 * alone and with a forked child. `bench/probe-layers.ts [--python 3.12]`. Right: the layer that grew most is the true one,
 * and its growth is within 5 % or 3 MB of what the program added (of the growth of the RSS where it can't know).
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { lookFromOutside } from '../src/adapters/procfs/layers.ts';
import { lookInside } from '../src/adapters/transports/look-inside.ts';
import { unixSocketTransport } from '../src/adapters/transports/unix-socket.ts';
import type { InsideLook, Look } from '../src/analysis/look.ts';
import { toSnapshot } from '../src/analysis/snapshot-diff.ts';
import { findPythons } from '../test/support/pythons.ts';

const PROBE_DIR = fileURLToPath(new URL('../src/probe', import.meta.url));
const PROGRAM = fileURLToPath(new URL('./layer_programs.py', import.meta.url));
const TRUE_LAYER = {
  dict_cache: 'python-objects',
  task_results: 'python-objects',
  callback_cycle: 'python-objects',
  native_malloc: 'native',
  native_ssl: 'native',
  native_zlib: 'native',
  high_water: 'allocator',
  healthy_lru: 'none',
  shared_mapping: 'shared',
};
const ALLOWED_RATIO = 0.05;
const ALLOWED_BYTES = 3_000_000;
const Added = z.object({ addedBytes: z.number().nullable() });

const { values } = parseArgs({ options: { python: { type: 'string' } } });
const pythons = findPythons().filter(
  ({ version }) => values.python === undefined || version.startsWith(`${values.python}.`),
);
const right = { t1: 0, child: 0, all: 0 };
for (const { version, path } of pythons) {
  for (const [kind, layer] of Object.entries(TRUE_LAYER)) {
    const found = [await judge(path, kind, layer, false), await judge(path, kind, layer, true)];
    right.t1 += found[0]?.isRight === true ? 1 : 0;
    right.child += found[1]?.isRight === true ? 1 : 0;
    right.all += 1;
    console.log(`${version} ${kind.padEnd(15)} T1: ${found[0]?.told}   with a child: ${found[1]?.told}`);
  }
}
console.log(`right: T1 ${right.t1} of ${right.all}, with a forked child ${right.child} of ${right.all}`);

async function judge(python: string, kind: string, layer: string, fork: boolean) {
  const dir = await mkdtemp(join(tmpdir(), 'mt-bench-'));
  const env = { PATH: process.env['PATH'], PYTHONPATH: PROBE_DIR, MEMTRIAGE_SOCKET_DIR: dir };
  const program = spawn(python, [PROGRAM, kind], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
    await lines.next();
    const [socket = ''] = await readdir(dir);
    const first = await look(join(dir, socket), null, fork);
    program.stdin.write('grow\n');
    const { addedBytes } = Added.parse(JSON.parse((await lines.next()).value ?? ''));
    const second = await look(join(dir, socket), first.inside, fork);
    return verdict(first, second, layer, addedBytes);
  } finally {
    program.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  }
}

async function look(socket: string, earlier: InsideLook | null, fork: boolean): Promise<Look> {
  const [pid = 0, startTicks = 0] = (socket.split('/').at(-1) ?? '').split('.').map(Number);
  const signal = AbortSignal.timeout(60_000);
  const inside = await lookInside(unixSocketTransport(socket), { pid, startTicks }, earlier, { fork, signal });
  const outside = await lookFromOutside({ pid, startTicks });
  if (inside.outcome !== 'ok') throw new Error(inside.why);
  if (outside.outcome !== 'ok') throw new Error(outside.why);
  if (inside.value.notes.length > 0) console.log(`  note: ${inside.value.notes.join(' ')}`);
  return { inside: inside.value, outside: outside.value };
}

function verdict(first: Look, second: Look, layer: string, addedBytes: number | null) {
  const { layers, rssDeltaBytes } = toSnapshot({ instance: '', release: null }, first, second, []);
  const grown = layers.map((row) => ({ layer: row.layer, bytes: row.deltaBytes ?? 0 }));
  const most = grown.toSorted((a, b) => b.bytes - a.bytes)[0];
  const own = grown.find((row) => row.layer === layer)?.bytes ?? Math.max(...grown.map(({ bytes }) => bytes));
  const truth = addedBytes ?? rssDeltaBytes ?? 0;
  const error = own - truth;
  const isNear = Math.abs(error) <= Math.max(ALLOWED_RATIO * truth, ALLOWED_BYTES);
  const isRight = isNear && (layer === 'none' || most?.layer === layer);
  const mega = (bytes: number) => (bytes / 1e6).toFixed(1);
  const told = `${isRight ? 'right' : 'WRONG'} ${most?.layer} ${mega(own)} of ${mega(truth)} MB`;
  return { isRight, told: told.padEnd(44) };
}
