import { connect, type Socket } from 'node:net';
import { failed, inconclusive } from '../../errors.ts';
import {
  LARGEST_REPLY_BYTES,
  type ProbeReply,
  type ProbeRequest,
  parseReply,
  refuse,
  type Transport,
  toRequestLine,
} from './transport.ts';

/** The way to a probe that was loaded with its service: its Unix socket on this machine. One connection a request. */
export function unixSocketTransport(path: string): Transport {
  const name = `the probe at ${path}`;
  return { name, ask: (request, deadlineMs, signal) => ask(path, name, request, deadlineMs, signal) };
}

function ask(
  path: string,
  name: string,
  request: ProbeRequest,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<ProbeReply> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(aborted());
      return;
    }
    const socket = connect({ path });
    let received = Buffer.alloc(0);
    function settle(reply: ProbeReply): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(reply);
    }
    const onAbort = (): void => settle(aborted());
    const timer = setTimeout(() => settle(silent(name, deadlineMs)), deadlineMs);
    signal.addEventListener('abort', onAbort);
    socket.on('connect', () => socket.write(toRequestLine(request)));
    socket.on('error', (error) => settle(toFailure(error, name)));
    socket.on('end', () => settle(hungUp(name)));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf(0x0a);
      if (end >= 0) settle(parseReply(received.toString('utf8', 0, end), name));
      else if (received.length > LARGEST_REPLY_BYTES) settle(tooLong(name, socket));
    });
  });
}

function toFailure(error: NodeJS.ErrnoException, name: string): ProbeReply {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    const cure =
      'start the service with the directory of `memtriage probe-path` on PYTHONPATH and MEMTRIAGE_SOCKET_DIR set';
    return refuse('absent', inconclusive('operator', `${name} does not listen`, cure));
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return refuse(
      'refused',
      failed(
        'operator',
        `${name} may not be reached by this user`,
        "run the collector as the service's user or as root",
      ),
    );
  }
  if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return hungUp(name);
  return refuse(
    'absent',
    failed('operator', `${name} can't be reached: ${error.message}`, 'check the path of the sockets'),
  );
}

function silent(name: string, deadlineMs: number): ProbeReply {
  const why = `${name} did not answer within ${deadlineMs / 1000} s: the process is stopped, or C code holds the interpreter lock`;
  return refuse(
    'silent',
    inconclusive('upstream', why, 'look at the stack of the process with `py-spy dump`, then ask again'),
  );
}

function hungUp(name: string): ProbeReply {
  return refuse(
    'hung-up',
    inconclusive('upstream', `${name} hung up in the middle of a reply`, 'the process may have ended: ask again'),
  );
}

function tooLong(name: string, socket: Socket): ProbeReply {
  socket.destroy();
  const why = `${name} answered more than ${LARGEST_REPLY_BYTES} bytes`;
  return refuse('garbage', failed('upstream', why, 'use the probe and the collector of one memtriage version'));
}

function aborted(): ProbeReply {
  return refuse('aborted', inconclusive('us', 'the look was stopped before it ended', 'ask again'));
}
