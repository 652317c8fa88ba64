import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import { anyPython } from '../support/pythons.ts';
import { lookAt, PROBE_DIR } from './target.ts';

const PROGRAMS = fileURLToPath(new URL('./programs', import.meta.url));
const CLIENTS = 6;

const python = anyPython().path;
const home = mkdtempSync(join(tmpdir(), 'mt-load-'));
const packages = join(home, 'packages');
const install = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-compile', '--target', packages];
/** Where pip has no way to the packages the tests are skipped, by name. */
const canInstall = spawnSync(python, [...install, 'gunicorn', 'uvicorn'], { timeout: 90_000 }).status === 0;
let server: ChildProcess | null = null;

afterEach(async () => {
  if (server?.pid !== undefined && server.exitCode === null) {
    process.kill(-server.pid, 'SIGTERM');
    await once(server, 'exit');
  }
  server = null;
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function request(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get({ host: '127.0.0.1', port, path: '/', timeout: 20_000, agent: false }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode === 200));
      answer.on('error', () => resolve(false));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
  });
}

/** Requests one after the other from some clients, until told to stop. */
function load(port: number) {
  let isRunning = true;
  const counts = { ok: 0, failed: 0 };
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (isRunning) {
      if (await request(port)) counts.ok += 1;
      else counts.failed += 1;
    }
  });
  return async () => {
    isRunning = false;
    await Promise.all(clients);
    return counts;
  };
}

describe.skipIf(!canInstall)('a server under load, while every rung of the ladder is taken in all its workers', () => {
  it.each([
    ['gunicorn sync', ['-m', 'gunicorn', '-w', '4', 'web_app:application', '-b'], 5],
    [
      'gunicorn gthread',
      ['-m', 'gunicorn', '-w', '4', '-k', 'gthread', '--threads', '4', 'web_app:application', '-b'],
      5,
    ],
    ['uvicorn', ['-m', 'uvicorn', '--log-level', 'warning', '--no-access-log', 'web_app:asgi', '--port'], 1],
  ])('%s fails no request', async (name, words, processes) => {
    const port = await freePort();
    const dir = join(home, name.replace(' ', '-'));
    const env = {
      PATH: process.env['PATH'],
      PYTHONPATH: [PROBE_DIR, PROGRAMS, packages].join(':'),
      MEMTRIAGE_SOCKET_DIR: dir,
    };
    const where = words.at(-1) === '-b' ? `127.0.0.1:${port}` : String(port);
    const child = spawn(python, [...words, where], { env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    server = child;
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    await vi.waitFor(async () => expect(await request(port)).toBe(true), { timeout: 30_000, interval: 200 });
    await vi.waitFor(async () => expect(await readdir(dir)).toHaveLength(processes), { timeout: 20_000 });
    const stop = load(port);
    const sockets = (await readdir(dir)).filter((file) => processes === 1 || !file.startsWith(`${child.pid}.`));
    const looks = await Promise.all(
      sockets.map(async (file) => {
        const { target, context } = lookAt(join(dir, file), 0.5);
        return await lookTwice(target, {
          ...context,
          fork: true,
          traceWindow: { seconds: 0.4, drainSeconds: 0.3 },
          signal: AbortSignal.timeout(60_000),
        });
      }),
    );
    const counts = await stop();
    expect(counts.failed).toBe(0);
    expect(counts.ok).toBeGreaterThan(50);
    for (const look of looks) {
      expect(look.outcome).toBe('ok');
      if (look.outcome === 'ok')
        expect(look.value.notes.filter((note) => /ended early|not measured/.test(note))).toEqual([]);
    }
    const paths = looks.map((look) => (look.outcome === 'ok' ? look.value.containers?.[0]?.path : null));
    expect(paths).toContain('web_app.SESSIONS');
    expect(errors).not.toMatch(/Traceback|SIGKILL|SIGABRT|timeout/i);
  });
});
