import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Python = { version: string; path: string };

/** The CPython minor versions that memtriage supports. A missing one is skipped by name, never silently. */
export const SUPPORTED = ['3.8', '3.9', '3.10', '3.11', '3.12', '3.13', '3.14'] as const;

/**
 * One interpreter for each supported minor version that this machine has: those of `MEMTRIAGE_TEST_PYTHONS` (paths with
 * colons between them), then pyenv's, then those on the PATH.
 */
export function findPythons(): Python[] {
  known ??= askAll();
  return [...known];
}

let known: readonly Python[] | null = null;

function askAll(): Python[] {
  const found = new Map<string, Python>();
  for (const path of candidates()) {
    // The name tells enough of most: each question is a process.
    if (found.has(/python(3\.\d+)$/.exec(path)?.[1] ?? '')) continue;
    const version = versionOf(path);
    const minor = version?.split('.').slice(0, 2).join('.');
    if (version !== null && minor !== undefined && SUPPORTED.some((s) => s === minor) && !found.has(minor)) {
      found.set(minor, { version, path });
    }
  }
  return SUPPORTED.flatMap((minor) => found.get(minor) ?? []);
}

function candidates(): string[] {
  const named = (process.env['MEMTRIAGE_TEST_PYTHONS'] ?? '').split(':').filter((path) => path !== '');
  const root = process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv');
  const versions = join(root, 'versions');
  const pyenv = existsSync(versions) ? readdirSync(versions).map((v) => join(versions, v, 'bin', 'python3')) : [];
  const names = [...SUPPORTED.map((minor) => `python${minor}`), 'python3'];
  // A shim of pyenv takes a second of a core to answer for one of the interpreters above.
  const directories = (process.env['PATH'] ?? '').split(':').filter((dir) => dir !== join(root, 'shims'));
  const onPath = directories.flatMap((dir) => names.map((name) => join(dir, name)));
  return [...named, ...pyenv, ...onPath].filter((path) => existsSync(path));
}

/** Another kind of Python that this machine has, or null: tests of it are skipped by name. */
export function findOther(kind: 'pypy' | 'free-threaded'): string | null {
  const names = kind === 'pypy' ? ['pypy3'] : ['python3.14t', 'python3.13t'];
  const onPath = (process.env['PATH'] ?? '').split(':').flatMap((dir) => names.map((name) => join(dir, name)));
  const test =
    kind === 'pypy' ? "sys.implementation.name == 'pypy'" : "not getattr(sys, '_is_gil_enabled', lambda: True)()";
  const is = (path: string) =>
    spawnSync(path, ['-I', '-c', `import sys; sys.exit(not (${test}))`], { timeout: 10_000 }).status === 0;
  const named = (process.env['MEMTRIAGE_TEST_PYTHONS'] ?? '').split(':');
  return [...named, ...onPath].filter((path) => existsSync(path)).find(is) ?? null;
}

function versionOf(path: string): string | null {
  const code = 'import sys; print(sys.implementation.name, "%d.%d.%d" % sys.version_info[:3], sys.executable)';
  const run = spawnSync(path, ['-I', '-c', code], { encoding: 'utf8', timeout: 10_000 });
  const [implementation, version, executable] = run.status === 0 ? run.stdout.trim().split(' ') : [];
  // A pyenv shim answers for whatever version is active: keep real interpreters only.
  if (implementation !== 'cpython' || version === undefined || executable === undefined) return null;
  return existsSync(executable) && realpathSync(executable) !== '' ? version : null;
}

/** The newest supported interpreter: for tests that need just one. */
export function anyPython(): Python {
  const newest = findPythons().at(-1);
  if (newest === undefined) throw new Error(`no CPython ${SUPPORTED[0]} to ${SUPPORTED.at(-1)} on this machine`);
  return newest;
}
