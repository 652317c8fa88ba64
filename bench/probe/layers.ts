import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { lookFromOutside } from '../../src/adapters/procfs/layers.ts';
import { lookInside } from '../../src/adapters/transports/look-inside.ts';
import { unixSocketTransport } from '../../src/adapters/transports/unix-socket.ts';
import type { InsideLook, Look } from '../../src/analysis/look.ts';
import type { SnapshotLayer } from '../../src/analysis/snapshot.ts';
import { toSnapshot } from '../../src/analysis/snapshot-diff.ts';
import { type Goal, inParallel, type Phase } from './goal.ts';
import { PROBE_DIR } from './service.ts';

/**
 * The ledger of layers against the truth, by T1 alone and with a forked child, of the same run. Right: the layer that grew
 * most is the true one, and its growth (and native's, where both grow) is within 5 % or 3 MB of what the program added (of
 * the growth of the RSS where it can't know).
 */
const PROGRAM = fileURLToPath(new URL('./layer_programs.py', import.meta.url));
type TrueLayer = SnapshotLayer['layer'] | 'none';
/** Those of the goal. */
const NINE: Record<string, TrueLayer> = {
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
/** Harder ones, that the method was not made with. */
const FURTHER: Record<string, TrueLayer> = {
  results_and_native: 'python-objects',
  buffers: 'python-objects',
  ssl_beside_cache: 'native',
  local_results: 'python-objects',
};
const AT_A_TIME = 2;
const ALLOWED_RATIO = 0.05;
const ALLOWED_BYTES = 3_000_000;
const Added = z.object({ addedBytes: z.number().nullable(), nativeBytes: z.number().nullable().default(null) });
type Added = z.infer<typeof Added>;

export const layers: Phase = async (pythons) => {
  const nine = await judgeAll(pythons, NINE);
  const further = await judgeAll(pythons, FURTHER);
  return [
    toGoal('right layer, nine programs on each CPython, T1 alone', nine.t1, nine.all),
    toGoal('the same with a forked child', nine.child, nine.all, `${nine.unread} children not done in time`),
    toGoal(
      'four harder programs, T1 alone',
      further.t1 + further.inDoubt,
      further.all,
      `${further.inDoubt} told in doubt`,
    ),
    toGoal('the same with a forked child', further.child, further.all, `${further.unread} children not done in time`),
  ];
};

function toGoal(goal: string, right: number, all: number, note = ''): Goal {
  return { goal, isMet: right === all, told: `${right} of ${all}${note === '' ? '' : `, ${note}`}` };
}

async function judgeAll(pythons: Parameters<Phase>[0], programs: Record<string, TrueLayer>) {
  const cases = pythons.flatMap((python) => Object.entries(programs).map(([kind, layer]) => ({ python, kind, layer })));
  const verdicts = await inParallel(cases, AT_A_TIME, async ({ python: { version, path }, kind, layer }) => {
    const { first, second, added } = await grow(path, kind);
    const [t1, child] = [verdict(alone(first), alone(second), layer, added), verdict(first, second, layer, added)];
    console.log(`${version.padEnd(7)} ${kind.padEnd(18)} T1: ${t1.told}   with a child: ${child.told}`);
    const isRead = [first, second].every(({ inside }) => typeof inside?.child?.largeBytes === 'number');
    if (!isRead) console.log(`${version} ${kind}: a forked child was not done in time, so T1 stands for it`);
    return { t1, child, isRead };
  });
  return {
    t1: verdicts.filter(({ t1 }) => t1.isRight).length,
    inDoubt: verdicts.filter(({ t1 }) => !t1.isRight && t1.isInDoubt).length,
    child: verdicts.filter(({ child, isRead }) => child.isRight && isRead).length,
    unread: verdicts.filter(({ isRead }) => !isRead).length,
    all: verdicts.length,
  };
}

type Grown = { first: Look; second: Look; added: Added };

async function grow(python: string, kind: string): Promise<Grown> {
  const dir = await mkdtemp(join(tmpdir(), 'mt-bench-'));
  const env = { PATH: process.env['PATH'], PYTHONPATH: PROBE_DIR, MEMTRIAGE_SOCKET_DIR: dir };
  const program = spawn(python, [PROGRAM, kind], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    return await growBetweenLooks(program, dir);
  } finally {
    program.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  }
}

async function growBetweenLooks(program: ChildProcessByStdio<Writable, Readable, null>, dir: string): Promise<Grown> {
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  await lines.next();
  const [socket = ''] = await readdir(dir);
  const first = await look(join(dir, socket), null);
  program.stdin.write('grow\n');
  const added = Added.parse(JSON.parse((await lines.next()).value ?? ''));
  return { first, second: await look(join(dir, socket), first.inside), added };
}

async function look(socket: string, earlier: InsideLook | null): Promise<Look> {
  const [pid = 0, startTicks = 0] = (socket.split('/').at(-1) ?? '').split('.').map(Number);
  const signal = AbortSignal.timeout(60_000);
  const inside = await lookInside(unixSocketTransport(socket), { pid, startTicks }, earlier, { fork: true, signal });
  const outside = await lookFromOutside({ pid, startTicks });
  if (inside.outcome !== 'ok') throw new Error(inside.why);
  if (outside.outcome !== 'ok') throw new Error(outside.why);
  if (inside.value.child === null) console.log(`  note: ${inside.value.notes.join(' ')}`);
  return { inside: inside.value, outside: outside.value };
}

/** The look without what its forked child read; the child came last, so nothing else of the look knows of it. */
function alone(full: Look): Look {
  return { ...full, inside: full.inside === null ? null : { ...full.inside, child: null } };
}

function verdict(first: Look, second: Look, layer: TrueLayer, { addedBytes, nativeBytes }: Added) {
  const { layers: rows, rssDeltaBytes } = toSnapshot({ instance: '', release: null }, first, second, []);
  const grown = rows.map((row) => ({ layer: row.layer, bytes: row.deltaBytes ?? 0 }));
  const bytesOf = (name: string) => grown.find((row) => row.layer === name)?.bytes;
  const most = grown.toSorted((a, b) => b.bytes - a.bytes)[0];
  const own = bytesOf(layer) ?? Math.max(...grown.map(({ bytes }) => bytes));
  const truth = addedBytes ?? rssDeltaBytes ?? 0;
  const native = bytesOf('native') ?? 0;
  const isNear = isClose(own, truth) && (nativeBytes === null || isClose(native, nativeBytes));
  const isRight = isNear && (layer === 'none' || most?.layer === layer);
  const isInDoubt = rows.some(({ doubtBytes }) => doubtBytes !== undefined);
  const besides = nativeBytes === null ? '' : `, native ${mega(native)} of ${mega(nativeBytes)}`;
  const told = `${isRight ? 'right' : 'WRONG'}${isInDoubt ? ' (in doubt)' : ''} ${most?.layer} ${mega(own)} of ${mega(truth)} MB${besides}`;
  return { isRight, isInDoubt, told: told.padEnd(46) };
}

function isClose(bytes: number, truth: number): boolean {
  return Math.abs(bytes - truth) <= Math.max(ALLOWED_RATIO * truth, ALLOWED_BYTES);
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
