/** A real process supervisor with a real Python service, and the program that rolls it back. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { probePath } from '../../src/main/probe-path.ts';
import { anyPython } from '../support/pythons.ts';

/** v2 keeps 3 MB a second for ever; v1 does not. Each ends with its supervisor. */
const SERVICE = `
import ctypes, os, time
ctypes.CDLL(None).prctl(1, 9)
KEPT = [bytearray(1000) for _ in range(HELD_KB)]
QUEUE = []
while True:
    if os.environ["MEMTRIAGE_RELEASE"] == "v2":
        QUEUE.append({"payload": bytearray(30000)})
    time.sleep(0.01)
`;

/** Runs what the file \`release\` names, again whenever it ends by itself; SIGHUP: ends it and starts what it names by then. */
const SUPERVISOR = `
import ctypes, os, signal, subprocess, sys, time
ctypes.CDLL(None).prctl(1, 9)
directory, child, again = sys.argv[1], None, True
def restart(*_):
    global again
    again = True
signal.signal(signal.SIGHUP, restart)
while True:
    if again or child.poll() is not None:
        again = False
        if child is not None:
            child.kill()
            child.wait()
        release = open(directory + "/release").read()
        child = subprocess.Popen([sys.executable, directory + "/service.py"], env={**os.environ, "MEMTRIAGE_RELEASE": release,
            "MEMTRIAGE_SOCKET_DIR": os.environ["SOCKETS"], "PYTHONPATH": os.environ["PROBE"], "PYTHONDONTWRITEBYTECODE": "1"})
        open(directory + "/running", "w").write(release)
    time.sleep(0.05)
`;

const ROLLBACK = `#!/usr/bin/env python3
import os, signal, sys, time
directory, wanted = sys.argv[1], os.environ["MEMTRIAGE_TO"]
open(directory + "/runs", "a").write(os.environ["MEMTRIAGE_FROM"] + " -> " + wanted + "\\n")
open(directory + "/release", "w").write(wanted)
os.kill(int(open(directory + "/pid").read()), signal.SIGHUP)
while open(directory + "/running").read() != wanted:
    time.sleep(0.05)
print("the supervisor runs", wanted)
`;

export type Supervised = {
  /** As a pipeline does it. */
  deploy: (release: string) => Promise<void>;
  /** What the program did, one line a run. */
  runs: () => Promise<string>;
  child: ChildProcess;
};

/** The argv of `rollback.via.command`. */
export function rollbackArgv(directory: string): string[] {
  return [join(directory, 'rollback'), directory];
}

/** What every release holds from its start on, without the interpreter's own. */
const HELD_KB = 5000;

export async function startSupervised(
  directory: string,
  sockets: string,
  release: string,
  heldKb = HELD_KB,
): Promise<Supervised> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'service.py'), SERVICE.replace('HELD_KB', String(heldKb)));
  await writeFile(join(directory, 'release'), release);
  await writeFile(join(directory, 'running'), '');
  await writeFile(join(directory, 'rollback'), ROLLBACK);
  await chmod(join(directory, 'rollback'), 0o700);
  const child = spawn(anyPython().path, ['-c', SUPERVISOR, directory], {
    env: { PATH: process.env['PATH'], SOCKETS: sockets, PROBE: probePath() },
    stdio: 'ignore',
  });
  await writeFile(join(directory, 'pid'), String(child.pid));
  return {
    child,
    async deploy(next) {
      await writeFile(join(directory, 'release'), next);
      child.kill('SIGHUP');
    },
    runs: () => readFile(join(directory, 'runs'), 'utf8').catch(() => ''),
  };
}
