import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readOwner, readProcess } from '../../src/adapters/procfs/process.ts';
import { attachProbe } from '../../src/adapters/transports/attach.ts';
import { findPythons, SUPPORTED } from '../support/pythons.ts';
import { ask } from './ask.ts';
import { PROBE_DIR, startTarget, type Target } from './target.ts';

const pythons = findPythons();
/** Below 3.14, which lets the probe in by itself (remote-exec.test.ts). */
const anyOne = pythons.filter(({ version }) => !version.startsWith('3.14.')).at(-1)?.path ?? '';
const targets: Target[] = [];
let home = '';

/** A program that knows nothing of the probe. */
async function startBare(python: string, program: string, ...args: string[]): Promise<Target> {
  const target = await startTarget(python, program, { args, env: { PYTHONPATH: '', MEMTRIAGE_SOCKET_DIR: '' } });
  targets.push(target);
  return target;
}

async function attach(pid: number, socketDirectory = join(home, 'sockets'), release: string | null = null) {
  const startTicks = readProcess(pid)?.startTicks ?? 0;
  return await attachProbe(
    { pid, startTicks, release, owner: readOwner(pid) ?? 0 },
    { probeDirectory: PROBE_DIR, socketDirectory, signal: AbortSignal.timeout(20_000) },
  );
}

async function attached(target: Target): Promise<string> {
  const outcome = await attach(target.pid);
  if (outcome.outcome !== 'ok') throw new Error(`${outcome.why}; ${target.stderr()}`);
  return outcome.value.socketPath;
}

async function expectAnswer(target: Target): Promise<void> {
  const socket = await attached(target);
  expect(await ask(socket, { verb: 'ping' })).toMatchObject({ ok: true, result: { pid: target.pid } });
  expect((await ask(socket, { verb: 'census', since: null })).ok).toBe(true);
}

/** The program goes on with what it did: it beats, and a wait that was under way ends when it would have. */
async function expectUnharmed(target: Target): Promise<void> {
  const beats = target.stdout().length;
  await vi.waitFor(() => expect(target.stdout().length).toBeGreaterThan(beats), 5000);
  expect(target.stdout()).not.toContain('wrong');
  expect(target.stderr()).toBe('');
  expect(target.process.exitCode).toBeNull();
  expect(target.process.signalCode).toBeNull();
  const maps = await readFile(`/proc/${target.pid}/maps`, 'utf8');
  expect(maps).not.toMatch(/ rwxp /);
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'mt-attach-'));
});

afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.end()));
  await rm(home, { recursive: true, force: true });
});

describe.each(SUPPORTED)('attaching to CPython %s', (minor) => {
  const python = pythons.find(({ version }) => version.startsWith(`${minor}.`))?.path ?? '';

  it.skipIf(python === '')(
    'programs that wait answer by their probe, and their waits end when they would have',
    async () => {
      const lives = ['sleep', 'lock', 'event_loop', 'accept'];
      const started = await Promise.all(lives.map((life) => startBare(python, 'waits_and_works.py', life)));
      await Promise.all(started.map(expectAnswer));
      await Promise.all(started.map(expectUnharmed));
      for (const target of started.slice(0, 3))
        await vi.waitFor(() => expect(target.stdout()).toMatch(/waited 2\.[0-4]/), 5000);
    },
  );

  it.skipIf(python === '')('programs that never wait answer by their probe and go on', async () => {
    // One after another: each takes a whole core.
    for (const life of ['compute', 'allocate', 'map_memory']) {
      const target = await startBare(python, 'waits_and_works.py', life);
      await expectAnswer(target);
      await expectUnharmed(target);
      await target.end();
    }
  });
});

describe('attaching', () => {
  const python = anyOne;

  it('a second time tells the socket of the first, whatever directory is asked for', async () => {
    const target = await startBare(python, 'waits_and_works.py', 'sleep');
    const socket = await attached(target);
    expect(await attach(target.pid, join(home, 'other'))).toMatchObject({
      outcome: 'ok',
      value: { socketPath: socket },
    });
    expect((await ask(socket, { verb: 'ping' })).ok).toBe(true);
    await expectUnharmed(target);
  });

  it('makes a private directory and a private socket, and tells the release', async () => {
    const target = await startBare(python, 'waits_and_works.py', 'event_loop');
    const outcome = await attach(target.pid, join(home, 'sockets'), 'v812');
    if (outcome.outcome !== 'ok') throw new Error(outcome.why);
    expect((await stat(join(home, 'sockets'))).mode & 0o777).toBe(0o700);
    expect((await stat(outcome.value.socketPath)).mode & 0o777).toBe(0o600);
    expect((await ask(outcome.value.socketPath, { verb: 'ping' })).result).toMatchObject({ release: 'v812' });
    expect(outcome.value.stoppedSeconds).toBeGreaterThan(0);
    expect(outcome.value.stoppedSeconds).toBeLessThan(1);
  });

  it('to a program whose other threads compute all the time, it answers and goes on', async () => {
    const target = await startBare(python, 'waits_and_works.py', 'spin_in_threads');
    await expectAnswer(target);
    await expectUnharmed(target);
  });

  it('keeps a server serving', async () => {
    const target = await startBare(python, 'waits_and_works.py', 'accept');
    await vi.waitFor(() => expect(target.stdout()).toMatch(/port \d+\n/));
    const port = Number(/port (\d+)/.exec(target.stdout())?.[1]);
    await attached(target);
    const [answer] = await once(connect(port, '127.0.0.1'), 'data');
    expect(String(answer)).toBe('served');
  });

  it('children that the program forks later have sockets of their own', async () => {
    const target = await startBare(python, 'forks_on_signal.py');
    await attached(target);
    target.process.kill('SIGUSR1');
    await vi.waitFor(() => expect(target.stdout()).toMatch(/child \d+\n/));
    const child = Number(/child (\d+)/.exec(target.stdout())?.[1]);
    const socket = join(home, 'sockets', `${child}.${readProcess(child)?.startTicks}.sock`);
    await vi.waitFor(async () => expect((await ask(socket, { verb: 'ping' })).result.pid).toBe(child));
  });

  it('says that an interpreter whose lock C code holds is silent, and the program goes on afterwards', async () => {
    const target = await startBare(python, 'holds_gil_in_thread.py');
    const outcome = await attach(target.pid);
    expect(outcome).toMatchObject({ outcome: 'inconclusive', why: expect.stringContaining('run no Python') });
    await vi.waitFor(() => expect(target.stdout()).toMatch(/free\n(?:.*\n)*still here/), 10_000);
    expect(target.stderr()).toBe('');
  });
});

/** One that every user may read: pyenv's lie in a home. */
const publicPython = '/usr/bin/python3';
const canChangeUser = process.geteuid?.() === 0 && existsSync(publicPython);

it.skipIf(!canChangeUser)(
  'a worker that root started and that changed its user is attached to as that user',
  async () => {
    const target = await startBare(publicPython, 'changes_user.py');
    const directory = join(tmpdir(), `mt-attach-${target.pid}`);
    try {
      const outcome = await attach(target.pid, directory);
      if (outcome.outcome !== 'ok') throw new Error(outcome.why);
      expect((await stat(outcome.value.socketPath)).uid).toBe(65_534);
      expect(await ask(outcome.value.socketPath, { verb: 'census', since: null })).toMatchObject({ ok: true });
      expect(await attach(target.pid, directory)).toMatchObject({ outcome: 'ok' });
      expect(target.stderr()).toBe('');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);

describe('a process that may not be attached to', () => {
  it('is refused when it is stopped, and goes on when it is let', async () => {
    const target = await startBare(anyOne, 'waits_and_works.py', 'sleep');
    target.process.kill('SIGSTOP');
    await vi.waitFor(async () => expect(await readFile(`/proc/${target.pid}/stat`, 'utf8')).toContain(') T '));
    expect(await attach(target.pid)).toMatchObject({
      outcome: 'inconclusive',
      why: expect.stringContaining('stopped'),
      tryThis: expect.stringContaining(`kill -CONT ${target.pid}`),
    });
    target.process.kill('SIGCONT');
    await expectUnharmed(target);
  });

  it('is refused when it is no Python', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    await vi.waitFor(async () => expect(await readFile(`/proc/${child.pid}/cmdline`, 'utf8')).toMatch(/^sleep/));
    expect(await attach(child.pid ?? 0)).toMatchObject({ outcome: 'error', why: expect.stringContaining('CPython') });
    expect(child.exitCode).toBeNull();
    child.kill();
    await once(child, 'exit');
  });

  it('is refused when it has ended, or its number is another one now', async () => {
    const target = await startBare(anyOne, 'waits_and_works.py', 'sleep');
    const outcome = await attachProbe(
      { pid: target.pid, startTicks: 1, release: null, owner: readOwner(target.pid) ?? 0 },
      { probeDirectory: PROBE_DIR, socketDirectory: join(home, 's'), signal: AbortSignal.timeout(9000) },
    );
    expect(outcome).toMatchObject({ outcome: 'inconclusive', why: expect.stringContaining('has ended') });
  });

  it.skipIf(process.geteuid?.() !== 0)('is refused to another user without the right, with the cure', async () => {
    const target = await startBare(anyOne, 'waits_and_works.py', 'sleep');
    const ticks = String(readProcess(target.pid)?.startTicks);
    const argv = ['-I', '-S', '-B', join(PROBE_DIR, 'attach'), String(target.pid), ticks, PROBE_DIR, home, '', '5'];
    const injector = spawn('/usr/bin/python3', argv, { uid: 65_534, gid: 65_534 });
    let answer = '';
    injector.stdout.on('data', (chunk) => (answer += String(chunk)));
    await once(injector, 'close');
    expect(JSON.parse(answer)).toMatchObject({
      code: 'denied',
      why: 'it belongs to user 0 and we are user 65534 without the capability SYS_PTRACE',
    });
  });

  it('is refused a directory that others may write', async () => {
    const target = await startBare(anyOne, 'waits_and_works.py', 'sleep');
    const open = join(home, 'open');
    await mkdir(open);
    await chmod(open, 0o777);
    expect(await attach(target.pid, open)).toMatchObject({
      outcome: 'error',
      why: expect.stringContaining('not a directory that only user'),
    });
  });
});
