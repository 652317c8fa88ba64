import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { readKernelUnits } from '../../src/adapters/procfs/kernel-units.ts';
import { parseStat, readProcess, readStartVariable } from '../../src/adapters/procfs/process.ts';
import { anyPython } from '../support/pythons.ts';

const python = anyPython();
const children: ReturnType<typeof spawn>[] = [];

/** Runs Python code that prints `ready` and then reads standard input. */
async function startPython(code: string, env: Record<string, string> = {}): Promise<number> {
  const child = spawn(python.path, ['-c', `${code}\nprint("ready", flush=True)\ninput()`], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  children.push(child);
  if (child.stdout !== null) await once(child.stdout, 'data');
  return child.pid ?? 0;
}

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

describe('reading a process', () => {
  test('sees 64 MiB that a real process holds as resident and anonymous', async () => {
    const small = readProcess(await startPython('pass'));
    const large = readProcess(await startPython('held = bytearray(b"x") * (64 << 20)'));
    const rss = (large?.rssBytes ?? 0) - (small?.rssBytes ?? 0);
    const anonymous = (large?.anonymousBytes ?? 0) - (small?.anonymousBytes ?? 0);
    expect(Math.abs(rss - (64 << 20))).toBeLessThan(3 << 20);
    expect(Math.abs(anonymous - (64 << 20))).toBeLessThan(3 << 20);
    expect(small?.anonymousBytes).toBeLessThan(small?.rssBytes ?? 0);
  });

  test('tells parent and start time', async () => {
    const pid = await startPython('pass');
    const reading = readProcess(pid);
    expect(reading?.ppid).toBe(process.pid);
    expect(Math.abs((reading?.startedAt ?? 0) - Date.now() / 1000)).toBeLessThan(15);
    expect(readProcess(pid)?.startTicks).toBe(reading?.startTicks);
  });

  test('reads a process whose name looks like the fields of another one', async () => {
    const rename = (name: string) =>
      `import ctypes; ctypes.CDLL(None).prctl(15, ctypes.c_char_p(${JSON.stringify(name)}.encode()))`;
    const names = [') S 1 2 (', 'a\nb) Z 1', '(((', 'x y z', ')'];
    const pids = await Promise.all(names.map((name) => startPython(rename(name))));
    expect(pids.map((pid) => readProcess(pid)?.ppid)).toEqual(names.map(() => process.pid));
  });

  test('has nothing to tell of a process that is gone or a zombie', async () => {
    expect(readProcess(2 ** 22 + 1)).toBeNull();
    const parent = await startPython('import os\nif os.fork() == 0: os._exit(0)\nimport time; time.sleep(.2)');
    const zombies = `/proc/${parent}/task/${parent}/children`;
    const zombie = Number(readFileSync(zombies, 'latin1').trim());
    expect(zombie).toBeGreaterThan(0);
    expect(readProcess(zombie)).toBeNull();
  });

  test('reads a variable of the environment at the start, and nothing of a process that is gone', async () => {
    const pid = await startPython('pass', { MEMTRIAGE_RELEASE: 'v8=12' });
    expect(await readStartVariable(pid, 'MEMTRIAGE_RELEASE')).toBe('v8=12');
    expect(await readStartVariable(pid, 'MEMTRIAGE_NOT_SET')).toBeNull();
    expect(await readStartVariable(2 ** 22 + 1, 'MEMTRIAGE_RELEASE')).toBeNull();
  });
});

test('finds the fields of stat whatever the name of the process is', () => {
  const rest = Array.from({ length: 17 }, (_, index) => index).join(' ');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 16 }), fc.nat(), (name, ticks) => {
      expect(parseStat(`42 (${name}) S 7 ${rest} ${ticks} 0 0`)).toMatchObject({
        state: 'S',
        ppid: 7,
        startTicks: ticks,
      });
    }),
  );
  expect(parseStat('nonsense')).toBeNull();
});

test('page size and clock ticks come from the kernel, with defaults where it does not tell', () => {
  expect(readKernelUnits('/proc/self/auxv').pageBytes % 4096).toBe(0);
  expect(readKernelUnits('/proc/self/auxv').ticksPerSecond).toBe(100);
  expect(readKernelUnits('/nonexistent')).toEqual({ pageBytes: 4096, ticksPerSecond: 100 });
});
