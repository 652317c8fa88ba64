import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lutimes, mkdtemp, readdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createCommandExecutor } from '../../src/adapters/rollback/command.ts';
import { findGroups } from '../../src/adapters/rollback/process-groups.ts';
import {
  makeOutput,
  openOutput,
  removeOutput,
  removeStaleOutputs,
} from '../../src/adapters/rollback/program-output.ts';
import { aContext, anOrder } from './order.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mt-command-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** A real program of the given Python text; `sys.argv[1:]` and the environment are its own. */
async function aProgram(source: string, deadlineSeconds = 30) {
  const path = join(dir, 'rollback');
  await writeFile(path, `#!/usr/bin/env python3\nimport os, subprocess, sys, time\n${source}\n`);
  await chmod(path, 0o700);
  const argv = [path, 'checkout; touch hacked', join(dir, 'seen')];
  return createCommandExecutor({ argv, environment: { PATH: process.env['PATH'], HOME: dir }, deadlineSeconds });
}

test('hands the argv over as it stands, with what it is about in the environment and no secret of ours', async () => {
  const executor = await aProgram(
    'open(sys.argv[2], "w").write(repr((sys.argv[1], sorted(os.environ))))\nprint("now v1")',
  );
  const end = await executor.act(anOrder(), aContext().context);
  expect(end).toEqual({ state: 'done', message: `${join(dir, 'rollback')} ended with exit code 0: "now v1"` });
  const seen = await readFile(join(dir, 'seen'), 'utf8');
  expect(seen).toContain("'checkout; touch hacked'");
  for (const name of ['SERVICE', 'FROM', 'TO', 'INCIDENT', 'IDEMPOTENCY_KEY'])
    expect(seen).toContain(`MEMTRIAGE_${name}`);
  expect(seen).not.toContain('REDIS_URL');
});

test('an exit code other than 0 is a failure with its last words, and says that what it changed is not known', async () => {
  const executor = await aProgram(
    'print("a line", flush=True)\nprint("no such \\x1b[31mrelease", file=sys.stderr)\nsys.exit(3)',
  );
  const end = await executor.act(anOrder(), aContext().context);
  expect(end).toMatchObject({ state: 'failed' });
  expect(end.message).toMatch(/exit code 3: "no such  \[31mrelease"\. What it changed until then is not known/);
});

test('the whole process group is killed at the deadline, children that ignore SIGTERM included', async () => {
  const child = 'import signal,time;signal.signal(15,signal.SIG_IGN);open(%r,"w").write("x");time.sleep(60)';
  const executor = await aProgram(
    `subprocess.Popen([sys.executable, "-c", ${JSON.stringify(child)} % sys.argv[2]])\ntime.sleep(60)`,
    3,
  );
  const end = await executor.act(anOrder({ key: `deadline ${dir}` }), aContext().context);
  expect(await readFile(join(dir, 'seen'), 'utf8')).toBe('x');
  expect(end).toMatchObject({ state: 'failed', message: expect.stringMatching(/within 3 s and was killed with all/) });
  await expect.poll(() => findGroups('MEMTRIAGE_IDEMPOTENCY_KEY', `deadline ${dir}`), { timeout: 10_000 }).toEqual([]);
});

test('a program that cannot be started changed nothing, and the dry run says so before', async () => {
  const executor = createCommandExecutor({ argv: ['/nowhere/rollback'], environment: {} });
  expect((await executor.dryRun(anOrder(), AbortSignal.timeout(5000))).outcome).toMatchObject({
    outcome: 'error',
    who: 'operator',
  });
  const end = await executor.act(anOrder(), aContext().context);
  expect(end).toMatchObject({ state: 'failed', message: expect.stringContaining('nothing was changed') });
});

test('output without end is cut off and the program killed', async () => {
  const executor = await aProgram('while True: print("x" * 100_000)');
  const end = await executor.act(anOrder(), aContext().context);
  expect(end).toMatchObject({ state: 'failed', message: expect.stringContaining('more than 16 MiB') });
});

test('a program that outlives its collector is found again by its key, and its end is told as unknown', async () => {
  const key = `orphan ${dir}`;
  await aProgram(
    'open(sys.argv[2], "w").write("begun")\nwhile not os.path.exists(sys.argv[2] + ".go"): time.sleep(0.05)',
  );
  // A collector of its own, which is killed in mid-act as a crash does it.
  const collector = spawn(process.execPath, ['test/rollback/act-in-process.mjs', dir, key], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(collector.stdout, 'data');
  await expect.poll(() => readFile(join(dir, 'seen'), 'utf8').catch(() => ''), { timeout: 20_000 }).toBe('begun');
  collector.kill('SIGKILL');
  await once(collector, 'exit');

  const executor = createCommandExecutor({ argv: [join(dir, 'rollback')], environment: {}, deadlineSeconds: 30 });
  const { context, told } = aContext({ text: dir });
  expect(await executor.status(anOrder({ key }), context)).toMatchObject({ state: 'under-way' });
  const end = executor.follow(anOrder({ key }), context);
  await expect.poll(() => told.length, { timeout: 10_000 }).toBe(1);
  execFileSync('touch', [join(dir, 'seen.go')]);
  expect(await end).toMatchObject({ state: 'unknown', message: expect.stringContaining('its exit code was not seen') });
});

test('what was certainly not started is started by whoever takes over, and by nobody else any more', async () => {
  const executor = await aProgram('open(sys.argv[2], "a").write("ran")');
  const receipt: { text: string | null } = { text: null };
  const first = aContext(receipt);
  // Stopped between the receipt and the start, for longer than its hold on the order lasts.
  const write = async (text: string) => {
    await first.context.receipt.write(text);
    const second = aContext(receipt).context;
    expect(await executor.status(anOrder(), second)).toMatchObject({ state: 'not-begun' });
    expect(await executor.act(anOrder(), second)).toMatchObject({ state: 'done' });
  };
  const late = executor.act(anOrder(), { ...first.context, receipt: { ...first.context.receipt, write } });
  await expect(late).rejects.toThrow('ENOENT');
  expect(await readFile(join(dir, 'seen'), 'utf8')).toBe('ran');
  expect(await executor.status(anOrder(), first.context)).toMatchObject({ state: 'unknown' });
});

test('what killed collectors left is removed once it is old; what is young, a link or another one’s stays', async () => {
  const [old, young] = [await makeOutput(), await makeOutput()];
  const link = `${old}-link`;
  await symlink(dir, link);
  onTestFinished(async () => await Promise.all([rm(young, { recursive: true }), rm(link)]).then(() => {}));
  const longAgo = new Date(Date.now() - 86_400_000);
  await (await openOutput(old)).close();
  await utimes(old, longAgo, longAgo);
  await lutimes(link, longAgo, longAgo);
  expect(await removeStaleOutputs(Date.now())).toBe(1);
  await expect(readdir(old)).rejects.toThrow('ENOENT');
  expect(await readdir(young)).toEqual([]);
  expect(await readlink(link)).toBe(dir);
  // What Redis says is no reason to remove just any directory.
  await removeOutput(dir);
  expect(await readdir(dir)).toEqual([]);
});
