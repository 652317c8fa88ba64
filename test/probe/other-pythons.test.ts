import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lookFromOutside } from '../../src/adapters/procfs/layers.ts';
import { readOwner, readProcess } from '../../src/adapters/procfs/process.ts';
import { attachProbe } from '../../src/adapters/transports/attach.ts';
import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import { anyPython, findOther } from '../support/pythons.ts';
import { PROBE_DIR, startTarget, type Target } from './target.ts';

const python3 = anyPython().path;
let target: Target | null = null;
let home = '';

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'mt-other-'));
});
afterEach(async () => {
  await target?.end();
  target = null;
  await rm(home, { recursive: true, force: true });
});

async function attach(pid: number) {
  const startTicks = readProcess(pid)?.startTicks ?? 0;
  const options = { probeDirectory: PROBE_DIR, socketDirectory: join(home, 's'), signal: AbortSignal.timeout(20_000) };
  return await attachProbe({ pid, startTicks, release: null, owner: readOwner(pid) ?? 0 }, options);
}

const OTHERS = [
  ['PyPy', findOther('pypy'), 'it runs PyPy', 'on CPython'],
  ['a free-threaded build', findOther('free-threaded'), 'free-threaded build', 'PYTHONPATH'],
] as const;

for (const [name, python, why, cure] of OTHERS) {
  it.skipIf(python === null)(`${name} is told by name, is not attached to, and is seen from outside`, async () => {
    const bare = { PYTHONPATH: '', MEMTRIAGE_SOCKET_DIR: '' };
    target = await startTarget(python ?? '', 'waits_and_works.py', { args: ['sleep'], env: bare });
    const { pid } = target;
    expect(await attach(pid)).toMatchObject({
      outcome: 'error',
      why: expect.stringContaining(why),
      tryThis: expect.stringContaining(cure),
    });
    expect(await outsideOf(pid)).toBeGreaterThan(5_000_000);
  });

  it.skipIf(python === null)(
    `${name} that was started with the probe runs as without it, and says what it can't`,
    async () => {
      target = await startTarget(python ?? '', 'waits_and_works.py', { args: ['sleep'] });
      expect(await outsideOf(target.pid)).toBeGreaterThan(5_000_000);
      expect(target.stderr()).toBe('');
      const status = spawnSync(python ?? '', ['-c', 'import memtriage_probe as p; print(p.status())'], {
        env: { PYTHONPATH: PROBE_DIR, MEMTRIAGE_SOCKET_DIR: join(home, 's') },
        encoding: 'utf8',
      });
      expect(status.stderr).toBe('');
      expect(status.stdout).toMatch(/'listening': False.*(pypy is not CPython|free-threaded build)/);
    },
  );
}

it('a build that says of itself that it is free-threaded gets no probe', () => {
  const code = `
import sys
sys.abiflags += "t"
import memtriage_probe as probe
print(probe.start(sys.argv[1]), probe.status()["why"])`;
  const run = spawnSync(python3, ['-c', code, home], { env: { PYTHONPATH: PROBE_DIR }, encoding: 'utf8' });
  expect(run).toMatchObject({ stderr: '', stdout: expect.stringMatching(/^None it is a free-threaded build/) });
});

async function outsideOf(pid: number): Promise<number> {
  const subject = { pid, startTicks: readProcess(pid)?.startTicks ?? 0, instance: `${pid}`, release: null };
  const outcome = await lookTwice(subject, {
    transport: null,
    lookOutside: (one) => lookFromOutside(one),
    windowSeconds: 0.1,
    signal: AbortSignal.timeout(20_000),
  });
  if (outcome.outcome !== 'ok') throw new Error(outcome.why);
  return outcome.value.rssBytes;
}

it('a program of another architecture is refused by the head of its file', async () => {
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(3, 16); // a shared object
  header.writeUInt16LE(183, 18); // EM_AARCH64
  const file = join(home, 'python3');
  await writeFile(file, header);
  const code = `
import sys
sys.path.insert(0, ${JSON.stringify(join(PROBE_DIR, 'attach'))})
from elf import dynamic_symbols
from refusal import Refused
try:
    dynamic_symbols(sys.argv[1])
except Refused as refused:
    print(refused.code, refused)`;
  const run = spawnSync(python3, ['-I', '-S', '-B', '-c', code, file], { encoding: 'utf8' });
  expect(run).toMatchObject({
    stdout: 'architecture it is for aarch64, and attaching is for x86-64 only\n',
    stderr: '',
  });
});

it('a parent of a vfork child that does not exec is in state D: it is not held up by an attempt, and goes on', async () => {
  target = await startTarget(python3, 'vforks.py', { env: { PYTHONPATH: '', MEMTRIAGE_SOCKET_DIR: '' } });
  const { pid } = target;
  await expect.poll(() => stateOf(pid)).toBe('D');
  expect(await attach(pid)).toMatchObject({ outcome: 'inconclusive', why: expect.stringMatching(/state D/) });
  expect(await outsideOf(pid)).toBeGreaterThan(5_000_000);
  process.kill(Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')), 'SIGKILL');
  expect(await target.exited).toBe(0);
  expect(target.stdout()).toContain('went on');
});

function stateOf(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .charAt(0);
}
