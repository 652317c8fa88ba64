import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readProcess } from '../../src/adapters/procfs/process.ts';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import { unixSocketTransport } from '../../src/adapters/transports/unix-socket.ts';
import { ProbeChild } from '../../src/analysis/look.ts';
import { anyPython, findPythons, SUPPORTED } from '../support/pythons.ts';
import { startTarget, type Target, type TargetOptions } from './target.ts';

const pythons = findPythons();
const targets: Target[] = [];
/** A heap that a child reads for some seconds. */
const MANY = '150000';

async function start(
  python: string,
  objects: string,
  handling = 'waits',
  options: TargetOptions = {},
): Promise<Target> {
  const target = await startTarget(python, 'hidden_growth.py', { args: [objects, handling], ...options });
  targets.push(target);
  return target;
}

async function ask(target: Target, request: { since?: string | null; seconds?: number } = {}) {
  const [socket = ''] = await target.sockets();
  const { since = null, seconds = 20 } = request;
  return await unixSocketTransport(socket).ask({ verb: 'child', since, seconds }, 60_000, new AbortController().signal);
}

async function childOf(target: Target) {
  const reply = await ask(target);
  if (reply.outcome !== 'ok') throw new Error(reply.failure.why);
  return ProbeChild.parse(reply.result);
}

/** Processes whose parent is the target, zombies too. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((other) => Number.isInteger(other) && statOf(other)[1] === String(pid));
}

function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

async function seenChild(target: Target): Promise<number> {
  return await vi.waitFor(
    () => {
      const [child] = childrenOf(target.pid);
      if (child === undefined || statOf(child)[0] === 'Z') throw new Error('no child');
      return child;
    },
    { timeout: 10_000, interval: 2 },
  );
}

async function expectUnharmed(target: Target): Promise<void> {
  const before = target.stdout().length;
  await vi.waitFor(() => expect(target.stdout().length).toBeGreaterThan(before), 10_000);
  expect(target.stdout()).not.toContain('connection closed');
  expect(target.stderr()).toBe('');
  expect(childrenOf(target.pid)).toEqual([]);
}

afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.end()));
});

describe.each(SUPPORTED)('a look by a forked child of CPython %s', (minor) => {
  const python = pythons.find(({ version }) => version.startsWith(`${minor}.`))?.path ?? '';

  it.skipIf(python === '')('names what local variables hold, and destroys no thread-local of the service', async () => {
    const target = await start(python, '20000', 'waits', { flags: ['-W', 'error'] });
    const { target: subject, context } = await target.lookTarget();
    const outcome = await lookTwice(subject, { ...context, windowSeconds: 0.5, fork: true, traceWindow: null });
    if (outcome.outcome !== 'ok') throw new Error(outcome.why);
    const { containers, types, layers, notes, rssBytes, process } = outcome.value;
    expect(notes).toEqual([]);
    const shown = containers?.map(({ path, type }) => `${path} ${type}`);
    expect(shown).toEqual(
      expect.arrayContaining(['__main__.work.<local results> list', '__main__.consume.<local backlog> dict']),
    );
    const results = containers?.find(({ path }) => path === '__main__.work.<local results>');
    expect(results).toMatchObject({ oldestKept: true, maxLength: null });
    expect(results?.bytesPerEntry).toBeGreaterThan(900);
    expect(results?.bytesPerEntry).toBeLessThan(1500);
    const added = types?.find(({ type }) => type === 'bytes')?.countDiff ?? 0;
    expect(added).toBeGreaterThan((results?.lengthDiff ?? 0) / 2);
    expect(process?.tasks).toMatchObject({
      pending: 4,
      pendingDiff: 0,
      byCoroutine: [
        { name: 'consume (hidden_growth.py)', count: 3 },
        { name: 'main (hidden_growth.py)', count: 1 },
      ],
    });
    expect(process?.threadStates).toMatchObject({ S: expect.any(Number) });
    expect(layers.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rssBytes);
    await expectUnharmed(target);
  });
});

describe('the forked child', () => {
  const python = anyPython().path;

  it('has no descriptor of the service but the pipe, is the first to be killed, and is gone afterwards', async () => {
    const target = await start(python, MANY);
    const look = childOf(target);
    const child = await seenChild(target);
    await vi.waitFor(() => expect(readFileSync(`/proc/${child}/oom_score_adj`, 'utf8')).toBe('1000\n'), 5000);
    const held = readdirSync(`/proc/${child}/fd`).map((fd) => readlinkSync(`/proc/${child}/fd/${fd}`));
    expect(held.filter((path) => path.startsWith('socket:') || path.startsWith('/dev'))).toEqual([]);
    expect(held.filter((path) => path.startsWith('pipe:'))).toHaveLength(1);
    const [nice = 0, own = 0] = [child, target.pid].map((pid) => Number(statOf(pid)[16]));
    expect(nice).toBe(Math.min(19, own + 10));
    expect(await look).toMatchObject({ endedBy: 'done' });
    await expectUnharmed(target);
  });

  it.each(['reaps', 'ignores'])('is read to its end where the service %s all its children', async (handling) => {
    const target = await start(python, '20000', handling);
    expect(await childOf(target)).toMatchObject({ endedBy: 'done' });
    await expectUnharmed(target);
    const codes = /beat \[(.*?)\]\n$/.exec(target.stdout())?.[1];
    expect(['', '0']).toContain(codes);
  });

  it('that is not done in time ends by itself, and the next one answers', async () => {
    const target = await start(python, MANY);
    const reply = await ask(target, { seconds: 0.02 });
    expect(reply).toMatchObject({ outcome: 'ok', result: { token: null, endedBy: 'died', largeBytes: null } });
    await expectUnharmed(target);
    expect(await childOf(target)).toMatchObject({ endedBy: 'done' });
  });

  it('ends with a service that is killed', async () => {
    const target = await start(python, MANY);
    const look = ask(target);
    const child = await seenChild(target);
    const startTicks = readProcess(child)?.startTicks;
    await vi.waitFor(() => expect(readFileSync(`/proc/${child}/oom_score_adj`, 'utf8')).toBe('1000\n'), 5000);
    target.process.kill('SIGKILL');
    expect((await look).outcome).toBe('failed');
    await vi.waitFor(() => expect(readProcess(child)?.startTicks).not.toBe(startTicks), 10_000);
  });

  it('is refused with what it would need, and reads less where only less is there', async () => {
    const tight = await start(python, '1000', 'waits', { env: { MEMTRIAGE_TEST_HEADROOM: '80000000' } });
    expect(await ask(tight)).toMatchObject({
      outcome: 'failed',
      failure: { why: expect.stringMatching(/80000000 bytes are left .* may add \d+ and must leave 67108864 free/) },
    });
    const less = await start(python, MANY, 'waits', { env: { MEMTRIAGE_TEST_HEADROOM: '140000000' } });
    await vi.waitFor(async () => {
      const child = await childOf(less);
      expect(child).toMatchObject({ endedBy: 'done', largeBytes: null, types: null });
      expect(child.notes.join()).toContain('the heap was not read');
      expect(child.containers.map(({ path }) => path)).toContain('__main__.work.<local results>');
    }, 20_000);
  });
});
