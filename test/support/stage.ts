import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { probePath } from '../../src/main/probe-path.ts';
import { anyPython } from './pythons.ts';

const CLI = resolve('dist/main/cli.js');

export type Role = {
  child: ChildProcess;
  /** SIGKILL; resolves when it is gone. */
  kill: () => Promise<void>;
  /** SIGTERM; the exit code. */
  stop: () => Promise<number | null>;
  log: () => string;
};

export type Stage = {
  dir: string;
  sockets: string;
  /** Starts `memtriage <args>` with this stage's configuration; `cli`: of another build. */
  role: (args: readonly string[], env?: Readonly<Record<string, string>>, cli?: string) => Role;
  /** Runs `memtriage <args>` to its end. */
  run: (
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ) => Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** A real Python process that carries the probe. Resolves when it has printed its first line. */
  python: (source: string, env?: Readonly<Record<string, string>>) => Promise<ChildProcess>;
  /** Ends a process with the stage. */
  adopt: (child: ChildProcess) => void;
  close: () => Promise<void>;
};

/** Grows by about 3 MB/s in a named list from the start on; says when it runs. */
export const LEAKING = `
import ctypes, time
# Ends with whoever started it, even by SIGKILL: a leak must not outlive its test (PR_SET_PDEATHSIG is 1).
ctypes.CDLL(None).prctl(1, 9)
class App: pass
QUEUE = []
print("ready", flush=True)
while True:
    QUEUE.append({"payload": bytearray(30000)})
    time.sleep(0.01)
`;

/** Does nothing, with some memory. */
export const STEADY = `
import time
KEPT = [bytearray(1000) for _ in range(5000)]
print("ready", flush=True)
while True: time.sleep(0.05)
`;

/** Short windows, so that a test sees in seconds what takes hours in earnest. */
export function shortConfig(sockets: string): string {
  return `slack: { channel: C0ONCALL }
sampling: { every: 250ms, keep: 1h }
policy:
  warning:  { over: 15%, for: 1s }
  critical: { over: 30%, for: 1s, oomKills: 2, within: 1h }
  warmUp:   1s
snapshot: { window: 1s }
services:
  checkout:
    limit: 1GiB
    sockets: ${JSON.stringify(sockets)}
`;
}

/** A directory with a configuration, and whatever processes a test starts in it. All of it is gone with \`close\`. */
export async function openStage(config: (sockets: string) => string = shortConfig): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'mt-stage-'));
  const sockets = join(dir, 'sockets');
  await mkdir(sockets, { mode: 0o700 });
  const configFile = join(dir, 'memtriage.yaml');
  await writeFile(configFile, config(sockets));
  const children: ChildProcess[] = [];
  const base = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    MEMTRIAGE_CONFIG: configFile,
    PORT: '0',
  };

  function start(command: string, args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
    const child = spawn(command, [...args], { env: { ...base, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    return child;
  }

  return {
    dir,
    sockets,
    role(args, env = {}, cli = CLI) {
      const child = start(process.execPath, [cli, ...args], env);
      let log = '';
      // Kept beside the configuration, for whoever looks into a failed test.
      const file = createWriteStream(join(dir, `${args[0]}-${child.pid}.log`));
      child.stderr?.on('data', (chunk: Buffer) => {
        log += chunk.toString();
        file.write(chunk);
      });
      child.stdout?.resume();
      return { child, kill: () => end(child, 'SIGKILL'), stop: () => stop(child), log: () => log };
    },
    async run(args, env = {}) {
      const child = start(process.execPath, [CLI, ...args], env);
      const [stdout, stderr] = [read(child.stdout), read(child.stderr)];
      await once(child, 'exit');
      return { code: child.exitCode, stdout: await stdout, stderr: await stderr };
    },
    async python(source, env = {}) {
      const child = start(anyPython().path, ['-c', source], {
        PYTHONPATH: probePath(),
        PYTHONDONTWRITEBYTECODE: '1',
        MEMTRIAGE_SOCKET_DIR: sockets,
        MEMTRIAGE_RELEASE: 'v1',
        ...env,
      });
      child.stderr?.resume();
      if (child.stdout !== null) await once(child.stdout, 'data');
      return child;
    },
    adopt: (child) => void children.push(child),
    async close() {
      await Promise.all(children.map((child) => end(child, 'SIGKILL')));
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

async function stop(child: ChildProcess): Promise<number | null> {
  await end(child, 'SIGTERM');
  return child.exitCode;
}

async function read(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}
