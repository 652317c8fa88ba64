import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { anyPython } from '../support/pythons.ts';

const PROBE = resolve('src/probe');
const python = anyPython();

/** Sleeps for ever; with MB=n it holds so much memory. */
export const SLEEPER = 'import os, time\nheld = b"x" * (int(os.environ.get("MB", "0")) << 20)\ntime.sleep(600)';

export type Program = { child: ChildProcess; pid: number; kill: (signal?: NodeJS.Signals) => Promise<void> };

export type Programs = {
  /** The socket directory of the service. */
  sockets: string;
  /** A real Python process with the probe; resolves when its socket is there. */
  start(env?: Record<string, string>, code?: string): Promise<Program>;
  /** The same without a probe: ready when it runs. */
  startBare(code: string): Promise<Program>;
  close(): Promise<void>;
};

/** Real Python processes of one service, in a directory of their own. All gone with `close()`. */
export async function createPrograms(): Promise<Programs> {
  const dir = await mkdtemp(join(tmpdir(), 'mt-programs-'));
  const running = new Set<Program>();

  function launch(code: string, env: Record<string, string>): Program {
    const path = process.env['PATH'] ?? '';
    const child = spawn(python.path, ['-c', code], { env: { PATH: path, ...env }, stdio: 'ignore' });
    const gone = new Promise<void>((done) => child.once('exit', () => done()));
    const program = {
      child,
      pid: child.pid ?? 0,
      kill: async (signal: NodeJS.Signals = 'SIGKILL') => {
        running.delete(program);
        child.kill(signal);
        await gone;
      },
    };
    running.add(program);
    return program;
  }

  return {
    sockets: dir,
    async start(env = {}, code = SLEEPER) {
      const program = launch(code, { PYTHONPATH: PROBE, MEMTRIAGE_SOCKET_DIR: dir, ...env });
      const isListening = () => readdirSync(dir).some((name) => name.startsWith(`${program.pid}.`));
      for (const end = Date.now() + 20_000; !isListening(); await wait(20)) {
        if (Date.now() > end) throw new Error(`the probe of ${program.pid} made no socket in ${dir}`);
      }
      return program;
    },
    startBare: async (code) => launch(code, {}),
    async close() {
      await Promise.all([...running].map((program) => program.kill()));
      await rm(dir, { recursive: true, force: true });
    },
  };
}
