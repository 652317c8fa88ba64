import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readOwner, readProcess } from '../../src/adapters/procfs/process.ts';
import { attachProbe } from '../../src/adapters/transports/attach.ts';
import { findPythons } from '../support/pythons.ts';
import { ask } from './ask.ts';
import { PROBE_DIR, startTarget, type Target, type TargetOptions } from './target.ts';

const python = findPythons().find(({ version }) => version.startsWith('3.14.'))?.path ?? '';
const isRoot = process.geteuid?.() === 0;
const NOBODY = 65_534;

let targets: Target[] = [];
let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'mt-remote-'));
});
afterEach(async () => {
  await Promise.all(targets.map((target) => target.end()));
  targets = [];
  await rm(home, { recursive: true, force: true });
});

async function start(program: string, options: TargetOptions, command = python): Promise<Target> {
  const env = { PYTHONPATH: '', MEMTRIAGE_SOCKET_DIR: '', ...options.env };
  const target = await startTarget(command, program, { ...options, env });
  targets.push(target);
  return target;
}

async function attach({ pid }: Target, socketDirectory = join(home, 'sockets')) {
  const startTicks = readProcess(pid)?.startTicks ?? 0;
  const options = { probeDirectory: PROBE_DIR, socketDirectory, signal: AbortSignal.timeout(20_000) };
  return await attachProbe({ pid, startTicks, release: null, owner: readOwner(pid) ?? 0 }, options);
}

function filesFor({ pid }: Target, directory = '/tmp'): string[] {
  return readdirSync(directory).filter((name) => name.startsWith(`memtriage-${pid}-`));
}

describe.skipIf(python === '')('a running CPython 3.14', () => {
  it('lets the probe in by itself, without a stop, and no file stays', async () => {
    const target = await start('waits_and_works.py', { args: ['compute'] });
    const outcome = await attach(target);
    expect(outcome).toMatchObject({ outcome: 'ok', value: { stoppedSeconds: 0 } });
    if (outcome.outcome !== 'ok') return;
    expect(await ask(outcome.value.socketPath, { verb: 'census', since: null })).toMatchObject({ ok: true });
    expect(filesFor(target)).toEqual([]);
    expect(target.stderr()).toBe('');
  });

  it('that waits in the kernel does not come by: the injector takes over, and the file goes when it wakes', async () => {
    const target = await start('waits_and_works.py', { args: ['accept'] });
    await vi.waitFor(() => expect(target.stdout()).toMatch(/port \d+\n/));
    const outcome = await attach(target);
    expect(outcome).toMatchObject({ outcome: 'ok', value: { stoppedSeconds: expect.any(Number) } });
    if (outcome.outcome !== 'ok') return;
    expect(outcome.value.stoppedSeconds).toBeGreaterThan(0);
    expect(await ask(outcome.value.socketPath, { verb: 'ping' })).toMatchObject({ ok: true });
    await vi.waitFor(() => expect(filesFor(target)).toEqual([]));
    expect(target.stderr()).toBe('');
  });

  it.each([
    ['by a variable', { env: { PYTHON_DISABLE_REMOTE_DEBUG: '1' } }, 'PYTHON_DISABLE_REMOTE_DEBUG=1'],
    ['by an option', { flags: ['-X', 'disable-remote-debug'] }, '-Xdisable-remote-debug'],
  ] as const)('whose owner forbade it %s is left alone, and the cure is named', async (_, how, word) => {
    const options = { args: ['compute'], ...('flags' in how ? { flags: [...how.flags] } : { env: { ...how.env } }) };
    const target = await start('waits_and_works.py', options);
    expect(await attach(target)).toMatchObject({
      outcome: 'error',
      who: 'operator',
      why: expect.stringContaining(word),
      tryThis: expect.stringMatching(/start it without that; else start it with .*PYTHONPATH/),
    });
  });

  it.skipIf(!isRoot)('of another user reads a file that only that user may read', async () => {
    const command = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', python];
    const target = await start('waits_and_works.py', { args: ['compute'], flags: command }, 'setpriv');
    const outcome = await attach(target, join(tmpdir(), `mt-remote-${target.pid}`));
    expect(outcome).toMatchObject({ outcome: 'ok', value: { stoppedSeconds: 0 } });
    if (outcome.outcome !== 'ok') return;
    expect(await ask(outcome.value.socketPath, { verb: 'ping' })).toMatchObject({ ok: true });
    expect(filesFor(target)).toEqual([]);
    await rm(join(tmpdir(), `mt-remote-${target.pid}`), { recursive: true });
  });

  it.skipIf(!isRoot)('in a mount namespace of its own is reached there', async () => {
    const command = ['-m', 'sh', '-c', 'mount -t tmpfs none /tmp && exec "$0" "$@"', python];
    const target = await start('waits_and_works.py', { args: ['compute'], flags: command }, 'unshare');
    const outcome = await attach(target, '/tmp/sockets');
    if (outcome.outcome !== 'ok') throw new Error(outcome.why);
    expect(outcome.value.socketPath).toMatch(`/proc/${target.pid}/root/tmp/sockets/`);
    expect(await ask(outcome.value.socketPath, { verb: 'ping' })).toMatchObject({ ok: true });
    expect([...filesFor(target), ...filesFor(target, `/proc/${target.pid}/root/tmp`)]).toEqual([]);
  });
});
