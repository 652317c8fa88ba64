import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { type Failure, failed, inconclusive, messageOf, type Outcome, ok } from '../errors.ts';

/** A socket that a probe left behind in the directory of its service: `<pid>.<startTicks>.sock`. */
export type SocketEntry = { instance: string; pid: number; startTicks: number; socketPath: string };

const NAME = /^([1-9]\d{0,9})\.(\d{1,19})\.sock$/;
const WRITABLE_BY_OTHERS = 0o022;

/** Sockets of the directory, by name only. A Failure when it is missing, or when others than the service could have filled it. */
export function listSockets(directory: string): Outcome<SocketEntry[]> {
  const distrust = whyNotTrusted(directory);
  if (distrust !== null) return distrust;
  try {
    return ok(readdirSync(directory).flatMap((name) => toEntry(directory, name)));
  } catch (error) {
    return failed('operator', `can't read ${directory}: ${messageOf(error)}`, `Let uid ${uid()} read it`);
  }
}

/** True when the file is a socket of the user who owns the process: nobody else can pass a socket off as that process's. */
export function belongsTo(entry: SocketEntry, owner: number | null): boolean {
  const file = lstat(entry.socketPath);
  return file !== null && file.isSocket() && file.uid === owner;
}

/**
 * Removes the socket of a process that is gone; false when it stays. Only our own, and only when nobody listens: a
 * process of another PID namespace that shares the directory has a pid that means nothing here.
 */
export async function removeStale(entry: SocketEntry): Promise<boolean> {
  const file = lstat(entry.socketPath);
  if (file === null || !file.isSocket() || file.uid !== uid()) return false;
  if (!(await refusesConnections(entry.socketPath))) return false;
  return await unlink(entry.socketPath).then(
    () => true,
    () => false,
  );
}

function toEntry(directory: string, name: string): SocketEntry[] {
  const [, pid, startTicks] = NAME.exec(name) ?? [];
  if (pid === undefined || startTicks === undefined) return [];
  const socketPath = join(directory, name);
  return [{ instance: `${pid}.${startTicks}`, pid: Number(pid), startTicks: Number(startTicks), socketPath }];
}

function whyNotTrusted(directory: string): Failure | null {
  const found = lstat(directory);
  if (found === null) {
    const cure = 'Start the service with MEMTRIAGE_SOCKET_DIR set to it, or correct `sockets` in memtriage.yaml';
    return inconclusive('operator', `the socket directory ${directory} does not exist`, cure);
  }
  const refuse = (why: string, cure: string) => failed('operator', `${directory} is not trusted: ${why}`, cure);
  if (found.isSymbolicLink()) return refuse('it is a symbolic link', 'Write the real path into `sockets`');
  if (!found.isDirectory()) return refuse('it is not a directory', 'Correct `sockets` in memtriage.yaml');
  if (!isOurs(found, directory)) {
    return refuse(`uid ${found.uid} owns it, we are uid ${uid()}`, `Run the collector as the user of the service`);
  }
  if ((found.mode & WRITABLE_BY_OTHERS) === 0) return null;
  return refuse('others may write into it', `chmod go-w ${directory}`);
}

/**
 * Ours: of our user or of root. As root also that of a service's user, when it lies where only root could have put it
 * (/run/memtriage/checkout): in /tmp anybody could have been the first.
 */
function isOurs(found: Stats, directory: string): boolean {
  if (found.uid === uid() || found.uid === 0) return true;
  const parent = uid() === 0 ? lstat(dirname(directory)) : null;
  return parent !== null && parent.uid === 0 && (parent.mode & WRITABLE_BY_OTHERS) === 0;
}

/** A stale socket refuses at once. Anything else, a full backlog too, may be a live process. */
function refusesConnections(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (refused: boolean) => {
      socket.destroy();
      resolve(refused);
    };
    socket.setTimeout(500, () => end(false));
    socket.once('connect', () => end(false));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'));
  });
}

function lstat(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

function uid(): number {
  return process.geteuid?.() ?? 0;
}
