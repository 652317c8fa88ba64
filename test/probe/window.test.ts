import { afterEach, describe, expect, it } from 'vitest';
import { findPythons } from '../support/pythons.ts';
import { ask, type Reply } from './ask.ts';
import { startTarget, type Target, type TargetOptions } from './target.ts';

const pythons = [...new Set([findPythons().at(0), findPythons().at(-1)])].filter((python) => python !== undefined);
const targets: Target[] = [];

async function start(python: string, program: string, options: TargetOptions = {}): Promise<string> {
  const target = await startTarget(python, program, options);
  targets.push(target);
  return (await target.sockets()).find((path) => path.includes(`/${target.pid}.`)) ?? '';
}

async function traced(socket: string, seconds = 0.5, drainSeconds = 0.3): Promise<Reply> {
  const first = await ask(socket, { verb: 'census', since: null });
  const second = await ask(socket, { verb: 'census', since: first.result.token });
  return ask(socket, { verb: 'window', token: second.result.token, seconds, drainSeconds });
}

async function isTracing(socket: string): Promise<boolean> {
  return (await ask(socket, { verb: 'layers' })).result.isTracing;
}

afterEach(async () => {
  await Promise.all(targets.splice(0).map((target) => target.end()));
});

describe.each(pythons)('a tracing window in CPython $version', ({ path }) => {
  it('leaves nothing behind: tracing is off and the allocators are the old ones', async () => {
    const socket = await start(path, 'retry_queue.py');
    expect((await traced(socket)).ok).toBe(true);
    expect((await traced(socket)).ok).toBe(true);
    expect(await isTracing(socket)).toBe(false);
  });

  it('goes on through forks, and no child is left traced', async () => {
    const socket = await start(path, 'forks_in_window.py');
    const reply = await traced(socket, 1, 0.5);
    expect(reply.ok).toBe(true);
    const output = targets[0]?.stdout() ?? '';
    expect(output.match(/child False/g)?.length ?? 0).toBeGreaterThan(3);
    expect(output).not.toContain('child True');
  });

  it('is refused while the application traces itself, and its tracing goes on', async () => {
    const socket = await start(path, 'retry_queue.py', { flags: ['-X', 'tracemalloc=2'] });
    expect(await traced(socket)).toMatchObject({ ok: false, code: 'tracing' });
    expect(await isTracing(socket)).toBe(true);
  });

  it('is refused where the allocator is hooked, and where it could meet the memory limit', async () => {
    const hooked = await start(path, 'retry_queue.py', { env: { PYTHONMALLOC: 'debug' } });
    expect(await traced(hooked)).toMatchObject({ ok: false, code: 'hooked' });
    const tight = await start(path, 'retry_queue.py', { env: { MEMTRIAGE_TEST_HEADROOM: '40000000' } });
    const census = await ask(tight, { verb: 'census', since: null });
    expect(census).toMatchObject({
      ok: false,
      code: 'headroom',
      why: expect.stringContaining('40000000 bytes are left'),
    });
    const window = await ask(tight, { verb: 'window', token: 'none', seconds: 1, drainSeconds: 1 });
    expect(window).toMatchObject({ ok: false, code: 'headroom' });
    expect((await ask(tight, { verb: 'layers' })).ok).toBe(true);
  });
});
