import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Failure, failed, inconclusive, type Outcome, ok } from '../../errors.ts';

/** `owner`: its effective uid. */
export type AttachTarget = { pid: number; startTicks: number; release: string | null; owner: number };

export type AttachOptions = {
  /** The directory that `memtriage probe-path` prints. */
  probeDirectory: string;
  /** Absolute, as the target sees it. The probe makes it with mode 700 where it is missing; its parent must exist. */
  socketDirectory: string;
  signal: AbortSignal;
};

/**
 * `socketPath`: as we reach it. `stoppedSeconds`: the longest time for which the target's main thread was held; 0: it
 * was not, CPython itself let the probe in (`sys.remote_exec`, 3.14 and later).
 */
export type Attached = { socketPath: string; stoppedSeconds: number };

/** What the injector gives the target to answer: 0.2 s on an idle machine, seconds where the interpreter's lock is held. */
const ANSWER_SECONDS = 8;
/** The injector ends by itself at its deadline. Only one that the kernel holds is killed, later. */
const KILL_MS = (ANSWER_SECONDS + 4) * 1000;

const Answer = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    path: z.string().nullable(),
    why: z.string().nullable(),
    longestStopSeconds: z.number(),
  }),
  z.object({ ok: z.literal(false), code: z.string(), why: z.string() }),
]);
type Answer = z.infer<typeof Answer>;

/**
 * Starts the probe in a running CPython 3.8 to 3.14 that knows nothing of it (x86-64 Linux, ptrace; from 3.14 on by
 * CPython's own means where they serve; docs/probe.md, "Attaching"). Safe to repeat: a process has one probe, and its socket is told. Failures name who refused and the cure.
 * An abort does not interrupt an injection: it ends by itself within seconds.
 */
export async function attachProbe(target: AttachTarget, options: AttachOptions): Promise<Outcome<Attached>> {
  const root = rootOf(target.pid);
  const distrust = whyNotTrusted(target, root + options.socketDirectory);
  if (distrust !== null) return distrust;
  if (options.signal.aborted) return inconclusive('us', 'attaching was stopped before it began', 'ask again');
  const answer = await runInjector(target, options);
  if ('outcome' in answer) return answer;
  if (!answer.ok) return toFailure(target.pid, answer);
  if (answer.path === null) {
    const why = `the probe was loaded into process ${target.pid}, but opened no socket: ${answer.why}`;
    return failed('operator', why, 'give it a directory that its user may write and nobody else');
  }
  return ok({ socketPath: root + answer.path, stoppedSeconds: answer.longestStopSeconds });
}

/** Paths of a target that lives in a mount namespace of its own are reached by its root. */
function rootOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt') ? '' : `/proc/${pid}/root`;
  } catch {
    return '';
  }
}

/** In a public directory anybody could have been the first: the probe refuses such a one too, with fewer words. */
function whyNotTrusted({ pid, owner }: AttachTarget, directory: string): Failure | null {
  let found: Stats | undefined;
  try {
    found = lstatSync(directory, { throwIfNoEntry: false });
  } catch {
    return null; // we may not enter what lies above it: then we may not attach either, and are told why
  }
  if (found === undefined) return null;
  if (found.isDirectory() && (found.uid === owner || found.uid === 0) && (found.mode & 0o022) === 0) return null;
  const why = `${directory} is not a directory that only user ${owner} of process ${pid} may write`;
  return failed('operator', why, 'find out who made it, and remove it');
}

async function runInjector(target: AttachTarget, options: AttachOptions): Promise<Answer | Failure> {
  const program = join(options.probeDirectory, 'attach');
  const { pid, startTicks, release } = target;
  const subject = [pid, startTicks, options.probeDirectory, options.socketDirectory, release ?? '', ANSWER_SECONDS];
  const argv = ['-I', '-S', '-B', program, ...subject.map(String)];
  let why = 'there is no Python 3.8 or later on this machine to attach with';
  for (const python of [...ownInterpreter(pid), 'python3', ...PYTHONS]) {
    const run = await finished(spawn(python, argv, { env: { PATH: INTERPRETER_PATH }, stdio: 'pipe' }));
    const answer = Answer.safeParse(parseJson(run.stdout));
    if (answer.success && (answer.data.ok || answer.data.code !== 'python')) return answer.data;
    if (run.isBegun && !answer.success) return broken(run.stderr);
    if (answer.success && !answer.data.ok) why = `process ${pid} can't be attached to: ${answer.data.why}`;
  }
  return failed('operator', why, 'install such a Python, or preload the probe');
}

/** Nothing of our environment, which holds secrets, goes to the child. */
const INTERPRETER_PATH = '/usr/local/bin:/usr/bin:/bin';
const PYTHONS = [
  'python3.15',
  'python3.14',
  'python3.13',
  'python3.12',
  'python3.11',
  'python3.10',
  'python3.9',
  'python3.8',
];

/** The target's own interpreter, where running it as ourselves gives its owner no right that he has not already. */
function ownInterpreter(pid: number): string[] {
  try {
    const path = readlinkSync(`/proc/${pid}/exe`);
    if (!/\/python3(\.\d+)?$/.test(path) || rootOf(pid) !== '') return [];
    const { uid, mode } = statSync(path);
    return (uid === 0 || uid === process.geteuid?.()) && (mode & 0o022) === 0 ? [path] : [];
  } catch {
    return [];
  }
}

type Run = { stdout: string; stderr: string; isBegun: boolean };

function finished(child: ChildProcess): Promise<Run> {
  return new Promise((resolve) => {
    const run = { stdout: '', stderr: '', isBegun: true };
    const timer = setTimeout(() => child.kill('SIGKILL'), KILL_MS);
    child.stdout?.on('data', (chunk) => (run.stdout += String(chunk)));
    child.stderr?.on('data', (chunk) => (run.stderr += String(chunk)));
    child.once('error', () => {
      clearTimeout(timer);
      resolve({ ...run, isBegun: false });
    });
    child.once('close', () => {
      clearTimeout(timer);
      resolve(run);
    });
  });
}

function broken(stderr: string): Failure {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return failed('us', `the injector ended without an answer: ${last === '' ? 'killed' : last}`, 'report this');
}

const PRELOAD = 'start it with the directory of `memtriage probe-path` on PYTHONPATH and MEMTRIAGE_SOCKET_DIR set';
const DENIED =
  'run memtriage as root or as the user of the process with the capability SYS_PTRACE, or set kernel.yama.ptrace_scope to 0';

/** Codes of src/probe/attach: who must act, and what helps. */
function toFailure(pid: number, { code, why }: Extract<Answer, { ok: false }>): Failure {
  const sentence = `process ${pid} can't be attached to: ${why}`;
  switch (code) {
    case 'gone':
      return inconclusive('upstream', sentence, 'name the process that runs now');
    case 'stopped':
      return inconclusive('operator', sentence, `let it go on with kill -CONT ${pid}, and ask again`);
    case 'traced':
      return inconclusive('operator', sentence, 'end the debugger, and ask again');
    case 'denied':
      return failed('operator', sentence, `${DENIED}; else ${PRELOAD}`);
    case 'architecture':
    case 'not-cpython':
    case 'unsupported':
    case 'no-symbols':
      return failed('operator', sentence, PRELOAD);
    case 'too-early':
      return inconclusive('upstream', sentence, 'ask again in a second');
    case 'pypy':
      return failed('operator', sentence, 'run the service on CPython to see its inside');
    case 'disabled':
      return failed('operator', sentence, `start it without that; else ${PRELOAD}`);
    case 'no-place':
      return failed('operator', sentence, `let its user write to /tmp; else ${PRELOAD}`);
    case 'unresponsive':
    case 'asleep':
    case 'silent':
      return inconclusive('upstream', sentence, '`py-spy dump` shows where it is; ask again when it runs');
    default:
      return failed('us', sentence, 'report this');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
