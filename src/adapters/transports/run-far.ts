import { type ChildProcess, spawn } from 'node:child_process';
import { failed, inconclusive } from '../../errors.ts';
import type { FarSide } from './far-side.ts';
import { LARGEST_REPLY_BYTES, type ProbeReply, parseReply, refuse } from './transport.ts';

/** To connect, to start Python there: a second or two, on a far cluster more. */
const CONNECT_MS = 10_000;
const MOST_WORDS_BYTES = 2_000;

export type FarContext = {
  /** Of the program: what it needs to find its own configuration, and no secret of ours. */
  env: Readonly<Record<string, string | undefined>>;
  /** For the answer, once the far side is reached. */
  deadlineMs: number;
  signal: AbortSignal;
};

/** Runs the program once: one line in, one line out, then it is ended. Bounded in time and in bytes; never rejects. */
export function runFar({ name, argv }: FarSide, line: string, context: FarContext): Promise<ProbeReply> {
  const { env, deadlineMs, signal } = context;
  return new Promise((resolve) => {
    // Without descriptors for its streams, a program that can't be started has none.
    const child: ChildProcess = spawn(argv[0] ?? '', argv.slice(1), { env: { ...env }, stdio: 'pipe' });
    let received = Buffer.alloc(0);
    let words = '';
    function settle(reply: ProbeReply): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      child.kill('SIGKILL');
      // What it has started may live on, and write on: nobody listens any more.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
      resolve(reply);
    }
    const onAbort = (): void =>
      settle(refuse('aborted', inconclusive('us', 'the look was stopped before it ended', 'ask again')));
    const timer = setTimeout(() => settle(late(name, words)), CONNECT_MS + deadlineMs);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort);
    child.on('error', (error) => settle(missing(name, argv[0] ?? '', error.message)));
    child.on('close', () => settle(closed(name, words)));
    child.stdin?.on('error', () => {}); // it has ended: told by `close`
    child.stdin?.end(line);
    child.stderr?.on('data', (chunk) => (words = (words + String(chunk)).slice(-MOST_WORDS_BYTES)));
    child.stdout?.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf(0x0a);
      if (end >= 0) settle(parseReply(received.toString('utf8', 0, end), name));
      else if (received.length > LARGEST_REPLY_BYTES) settle(tooLong(name));
    });
  });
}

function late(name: string, words: string): ProbeReply {
  const why = `${name} did not answer in time${told(words)}`;
  return refuse('silent', inconclusive('upstream', why, 'try the same command by hand on the host of the collector'));
}

function missing(name: string, program: string, message: string): ProbeReply {
  const cure = `install ${program} on the host of the collector and put it on the PATH`;
  return refuse('absent', failed('operator', `${name} can't be run: ${message}`, cure));
}

function closed(name: string, words: string): ProbeReply {
  const cure =
    'check that the container or host is there, that we may reach it, and that the probe and python3 are in it';
  return refuse('absent', inconclusive('operator', `${name} ended without an answer${told(words)}`, cure));
}

function tooLong(name: string): ProbeReply {
  const why = `${name} answered more than ${LARGEST_REPLY_BYTES} bytes`;
  return refuse('garbage', failed('upstream', why, 'use the probe and the collector of one memtriage version'));
}

/** The last line that the program wrote to stderr. */
function told(words: string): string {
  const last = words.trim().split('\n').at(-1) ?? '';
  return last === '' ? '' : `: ${last.slice(0, 200)}`;
}
