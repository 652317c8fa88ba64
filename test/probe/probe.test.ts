import { chmod, chown, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findPythons, SUPPORTED } from '../support/pythons.ts';
import { ask, send } from './ask.ts';
import { PROBE_DIR, startTarget, type Target, type TargetOptions } from './target.ts';

const pythons = findPythons();
const targets: Target[] = [];
let home = '';

async function start(python: string, program: string, options: TargetOptions = {}): Promise<Target> {
  const target = await startTarget(python, program, options);
  targets.push(target);
  return target;
}

async function socketOf(target: Target): Promise<string> {
  return (await target.sockets()).find((path) => path.includes(`/${target.pid}.`)) ?? '';
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'mt-home-'));
});

afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.end()));
  await rm(home, { recursive: true, force: true });
});

describe.each(SUPPORTED)('the probe in CPython %s', (minor) => {
  const python = pythons.find(({ version }) => version.startsWith(`${minor}.`))?.path ?? '';

  it.skipIf(python === '')('calls no method of hostile objects, and still names the list that holds them', async () => {
    const target = await start(python, 'hostile.py');
    const socket = await socketOf(target);
    const first = await ask(socket, { verb: 'census', since: null });
    await ask(socket, { verb: 'types' });
    await vi.waitFor(async () => {
      const second = await ask(socket, { verb: 'census', since: first.result.token });
      expect(second.result.containers[0]).toMatchObject({ path: '__main__.GROWING', type: 'list' });
      expect(second.result.containers[0]?.lengthDiff).toBeGreaterThan(60);
      const paths = second.result.containers.map(({ path }) => path);
      expect(paths).toContain('__main__.SLOT.held');
      expect(paths).toContain('__main__.KEYED');
    });
    expect(target.stdout()).toBe('ready\n');
    expect(target.stderr()).toBe('');
  });

  it.skipIf(python === '')('gives each forked child a socket of its own, and forks raise no warning', async () => {
    const target = await start(python, 'forks.py', { args: ['3'] });
    await vi.waitFor(async () => expect(await target.sockets()).toHaveLength(4));
    const pongs = await Promise.all((await target.sockets()).map((path) => ask(path, { verb: 'ping' })));
    const names = pongs.map(({ result }) => `${result.pid}.${result.startTicks}.sock`);
    expect((await target.sockets()).map((path) => path.slice(path.lastIndexOf('/') + 1)).toSorted()).toEqual(
      names.toSorted(),
    );
    const census = await ask((await target.sockets())[0] ?? '', { verb: 'census', since: null });
    expect(census.ok).toBe(true);
    expect(target.stdout()).not.toContain('warning');
  });

  it.skipIf(python === '')(
    'is asked while its process forks again and again: every look comes, no fork waits long',
    async () => {
      const target = await start(python, 'forks_often.py');
      const socket = await socketOf(target);
      const answered: boolean[] = [];
      for (let i = 0; i < 15; i += 1) answered.push((await ask(socket, { verb: 'census', since: null })).ok);
      target.process.kill('SIGTERM');
      await target.exited;
      const [, forks, slowest] = /forks (\d+) slowest ([\d.]+)/.exec(target.stdout()) ?? [];
      expect(answered).toEqual(answered.map(() => true));
      expect(Number(forks)).toBeGreaterThan(5);
      // Milliseconds: a fork waits for the probe's thread for 250 at most, and on a busy machine for its own turn.
      expect(Number(slowest)).toBeLessThan(600);
    },
  );

  it.skipIf(python === '')('runs the sitecustomize that it shadows, and its own errors stay its own', async () => {
    await writeFile(join(home, 'sitecustomize.py'), 'import colorsys\nprint("from the other")\n');
    const env = { PYTHONPATH: `${PROBE_DIR}:${home}` };
    const target = await start(python, 'sleeps.py', { env, args: ['colorsys'] });
    expect(target.stdout()).toContain('from the other');
    expect(target.stdout()).toContain('modules colorsys');
    expect(target.stderr()).toBe('');
    expect(await target.sockets()).toHaveLength(1);
  });

  it.skipIf(python === '')('starts nothing and disturbs nothing with -I -S', async () => {
    const target = await start(python, 'sleeps.py', { flags: ['-I', '-S'] });
    expect(await target.sockets()).toEqual([]);
    expect(target.stderr()).toBe('');
  });

  it.skipIf(python === '')('removes its socket at an orderly end', async () => {
    const target = await start(python, 'sleeps.py');
    expect(await target.sockets()).toHaveLength(1);
    target.process.kill('SIGTERM');
    expect(await target.exited).toBe(0);
    expect(await target.sockets()).toEqual([]);
    expect(target.stderr()).toBe('');
  });

  it.skipIf(python === '')(
    'tells its layers while the application traces, and says that pymalloc is off where it is',
    async () => {
      const traced = await start(python, 'sleeps.py', { flags: ['-X', 'tracemalloc=2'] });
      const layers = await ask(await socketOf(traced), { verb: 'layers' });
      expect(layers.result.pymalloc?.usedBytes).toBeGreaterThan(500_000);
      expect(layers.result).toMatchObject({ isTracing: true, allocator: 'glibc' });
      const off = await start(python, 'sleeps.py', { env: { PYTHONMALLOC: 'malloc' } });
      expect((await ask(await socketOf(off), { verb: 'layers' })).result).toMatchObject({ pymalloc: null });
      const debug = await start(python, 'sleeps.py', { env: { PYTHONMALLOC: 'debug' } });
      expect((await ask(await socketOf(debug), { verb: 'layers' })).ok).toBe(true);
    },
  );

  it.skipIf(python === '')('is a real thread where gevent has replaced threads, sockets and poll', async () => {
    const target = await start(python, 'patched.py', { env: { MEMTRIAGE_SOCKET_DIR: '' }, args: [join(home, 'g')] });
    const path = /path (\S+)/.exec(target.stdout())?.[1] ?? '';
    expect((await ask(path, { verb: 'census', since: null })).ok).toBe(true);
    expect(target.stdout()).not.toContain('patched call');
  });
});

describe('the door of the probe', () => {
  const python = pythons.at(-1)?.path ?? '';

  async function refusedWith(dir: string): Promise<string> {
    const target = await start(python, 'sleeps.py', { dir });
    expect(target.stderr()).toBe('');
    const status = JSON.parse(target.stdout().split('\n')[0] ?? '');
    expect(status.listening).toBe(false);
    return status.why;
  }

  it('is for its own user: directory 700, socket 600', async () => {
    const target = await start(python, 'sleeps.py', { dir: join(home, 'new') });
    expect((await stat(join(home, 'new'))).mode & 0o777).toBe(0o700);
    expect((await stat(await socketOf(target))).mode & 0o777).toBe(0o600);
  });

  it('stays shut in a directory that is a link, that others may write, or that does not exist', async () => {
    await mkdir(join(home, 'real'), { mode: 0o700 });
    await symlink(join(home, 'real'), join(home, 'link'));
    expect(await refusedWith(join(home, 'link'))).toContain('is a link or no directory');
    await chmod(join(home, 'real'), 0o777);
    expect(await refusedWith(join(home, 'real'))).toContain('can be written by others');
    expect(await refusedWith(join(home, 'no', 'where'))).toContain("can't be made");
    expect(await refusedWith(join(home, 'x'.repeat(120)))).toContain('longer than 107 bytes');
  });

  it.skipIf(process.getuid?.() !== 0)('stays shut in a directory of another user', async () => {
    await mkdir(join(home, 'foreign'), { mode: 0o700 });
    await chown(join(home, 'foreign'), 65534, 65534);
    expect(await refusedWith(join(home, 'foreign'))).toContain('belongs to user 65534');
  });

  it('opens again after the service has closed all descriptors, and leaves those of the service alone', async () => {
    const target = await start(python, 'closes_all.py');
    await vi.waitFor(async () => expect((await ask(await socketOf(target), { verb: 'ping' }))?.ok).toBe(true));
    expect(target.stdout()).not.toContain('broken');
    expect(target.stderr()).toBe('');
  });
});

describe('requests that are none', () => {
  const python = pythons.at(-1)?.path ?? '';

  it.each([
    ['no JSON', 'hello\n', 'bad-request'],
    ['an array', '[]\n', 'bad-request'],
    ['deep nesting', `${'['.repeat(60_000)}\n`, 'bad-request'],
    ['a huge number', `{"protocol":${'9'.repeat(60_000)}}\n`, 'bad-request'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x0a]), 'bad-request'],
    ['an unknown verb', '{"protocol":1,"verb":"eval","code":"1"}\n', 'unknown-verb'],
    ['a private verb', '{"protocol":1,"verb":"__class__"}\n', 'unknown-verb'],
    ['another protocol', '{"protocol":99,"verb":"ping"}\n', 'protocol'],
    ['half a line', '{"protocol":1,"ve', 'bad-request'],
    ['a megabyte', 'x'.repeat(1_000_000), 'too-large'],
    ['a token of another type', '{"protocol":1,"verb":"census","since":7}\n', 'bad-request'],
  ])('%s is refused by its code, and the next request is answered', async (_, bytes, code) => {
    const target = await start(python, 'sleeps.py');
    const socket = await socketOf(target);
    // The one that is told of too much may hang up before it has heard so: its own write fails.
    const reply = await send(socket, bytes).catch(() => ({ ok: false, code: 'too-large' }));
    expect(reply).toMatchObject({ ok: false, code });
    expect(await ask(socket, { verb: 'ping' })).toMatchObject({ ok: true, protocol: 1 });
    expect(target.stderr()).toBe('');
  });

  it('a client that says nothing keeps nobody waiting', async () => {
    const target = await start(python, 'sleeps.py');
    const socket = await socketOf(target);
    const mute = send(socket, '', { halfOpen: true });
    expect((await ask(socket, { verb: 'ping' })).ok).toBe(true);
    expect(await mute).toMatchObject({ ok: false, code: 'too-slow' });
  });

  it('of two clients at once one is answered and the other hears busy or is answered after it', async () => {
    const target = await start(python, 'retry_queue.py');
    const socket = await socketOf(target);
    const replies = await Promise.all([1, 2, 3, 4].map(() => ask(socket, { verb: 'census', since: null })));
    expect(replies.some(({ ok }) => ok)).toBe(true);
    for (const reply of replies.filter(({ ok }) => !ok)) expect(reply.code).toBe('busy');
  });
});
