import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lookFromOutside } from '../../src/adapters/procfs/layers.ts';
import type { LookContext, LookTarget } from '../../src/adapters/transports/look-twice.ts';
import { unixSocketTransport } from '../../src/adapters/transports/unix-socket.ts';

export const PROBE_DIR = fileURLToPath(new URL('../../src/probe', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('./programs', import.meta.url));

export type Target = {
  pid: number;
  process: ChildProcess;
  /** Directory of the sockets. */
  dir: string;
  stdout: () => string;
  stderr: () => string;
  /** Paths of the sockets that are there now. */
  sockets: () => Promise<string[]>;
  /** The target of a look: the process itself, or the one of another socket of its directory. */
  lookTarget: (socket?: string) => Promise<{ target: LookTarget; context: LookContext }>;
  /** Resolves with the exit code. */
  exited: Promise<number | null>;
  end: () => Promise<void>;
};

export type TargetOptions = { args?: string[]; env?: Record<string, string>; dir?: string; flags?: string[] };

/** Starts one of the programs with the probe loaded and waits for its line `ready`. */
export async function startTarget(python: string, program: string, options: TargetOptions = {}): Promise<Target> {
  const home = await mkdtemp(join(tmpdir(), 'mt-probe-'));
  const dir = options.dir ?? join(home, 's');
  const env = { PATH: process.env['PATH'] ?? '', PYTHONPATH: PROBE_DIR, MEMTRIAGE_SOCKET_DIR: dir, ...options.env };
  const argv = [...(options.flags ?? []), join(PROGRAMS, program), ...(options.args ?? [])];
  const child = spawn(python, argv, { env, detached: true });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const pid = child.pid ?? 0;
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', () => output.stdout.includes('ready\n') && resolve());
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`${program} ended with ${code} before it was ready: ${output.stderr}`)),
    );
  });
  const sockets = async () =>
    (await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.sock')).map((name) => join(dir, name));

  return {
    pid,
    process: child,
    dir,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    sockets,
    exited,
    lookTarget: async (socket) => {
      const path = socket ?? (await sockets()).find((found) => found.includes(`/${pid}.`)) ?? '';
      return lookAt(path);
    },
    end: async () => {
      try {
        process.kill(-pid, 'SIGKILL'); // with its forked children
      } catch {
        // it has ended
      }
      await exited;
      await rm(home, { recursive: true, force: true });
    },
  };
}

export function lookAt(socket: string, windowSeconds = 1): { target: LookTarget; context: LookContext } {
  const name = socket.slice(socket.lastIndexOf('/') + 1);
  const [pid = 0, startTicks = 0] = name.split('.').map(Number);
  return {
    target: { pid, startTicks, instance: `${pid}.${startTicks}`, release: null },
    context: {
      transport: unixSocketTransport(socket),
      lookOutside: lookFromOutside,
      windowSeconds,
      signal: AbortSignal.timeout(30_000),
    },
  };
}
