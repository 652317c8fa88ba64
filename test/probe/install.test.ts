import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPythons } from '../support/pythons.ts';
import { ask } from './ask.ts';
import { PROBE_DIR, startTarget, type Target } from './target.ts';

const run = promisify(execFile);
const pythons = [...new Set([findPythons().at(0), findPythons().at(-1)])].filter((python) => python !== undefined);
const targets: Target[] = [];
let home = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'mt-install-'));
});

afterAll(async () => {
  await Promise.all(targets.splice(0).map((target) => target.end()));
  await rm(home, { recursive: true, force: true });
});

/** A service of the environment that knows nothing of the probe but the directory of its sockets. */
async function serve(python: string, flags: string[], dir: string): Promise<Target> {
  const target = await startTarget(python, 'sleeps.py', { flags, dir, env: { PYTHONPATH: '' } });
  targets.push(target);
  return target;
}

describe.each(pythons)('a virtual environment of CPython $version', ({ path, version }) => {
  it('has the probe once it is installed, with -E and -I too, and not any more once it is uninstalled', async () => {
    const venv = join(home, version);
    await run(path, ['-m', 'venv', '--without-pip', venv]);
    const python = join(venv, 'bin', 'python');
    const probe = async (verb: string) =>
      (await run(python, ['-m', 'memtriage_probe', verb], { env: { PYTHONPATH: PROBE_DIR } })).stdout;
    expect(await probe('install')).toMatch(/^wrote .*site-packages\/memtriage_probe\.pth: Python processes/);
    expect(await probe('install')).toContain('is there already');
    for (const [at, flags] of [[], ['-E'], ['-I']].entries()) {
      const target = await serve(python, flags, join(home, `${version}-${at}`));
      const sockets = await target.sockets();
      expect(sockets).toHaveLength(1);
      expect(await ask(sockets[0] ?? '', { verb: 'ping' })).toMatchObject({ ok: true, result: { pid: target.pid } });
      expect((await ask(sockets[0] ?? '', { verb: 'census', since: null })).ok).toBe(true);
      expect(target.stderr()).toBe('');
    }
    const bare = await serve(python, ['-S'], join(home, `${version}-S`));
    expect(await bare.sockets()).toEqual([]);
    expect(await probe('uninstall')).toContain('removed');
    expect(await probe('uninstall')).toContain('is not there');
    const after = await serve(python, [], join(home, `${version}-after`));
    expect(await after.sockets()).toEqual([]);
    expect(after.stderr()).toBe('');
  });

  it('starts all the same when the probe has been taken away', async () => {
    const venv = join(home, `${version}-gone`);
    await run(path, ['-m', 'venv', '--without-pip', venv]);
    const [lib = ''] = await readdir(join(venv, 'lib'));
    const copy = join(home, `${version}-copy`);
    await run('cp', ['-r', PROBE_DIR, copy]);
    const python = join(venv, 'bin', 'python');
    await run(python, ['-m', 'memtriage_probe', 'install'], { env: { PYTHONPATH: copy } });
    await rm(copy, { recursive: true });
    expect(await readFile(join(venv, 'lib', lib, 'site-packages', 'memtriage_probe.pth'), 'utf8')).toContain(copy);
    const target = await serve(python, [], join(home, `${version}-none`));
    expect(target.stderr()).toBe('');
    expect(await target.sockets()).toEqual([]);
  });
});
