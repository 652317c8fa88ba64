/** Where the probe of a process listens that no configuration knows. */
import { lstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOwner, readProcess } from '../adapters/procfs/process.ts';
import { listSockets, removeStale } from '../collector/socket-directory.ts';

/** Where the probe that is attached puts its socket, and is found the next time: a directory of the process's user. */
export function privateDirectory(pid: number): string {
  return join(tmpdir(), `memtriage-${readOwner(pid) ?? 'unknown'}`);
}

/** Only a socket of the user who owns the process: in a public directory it could be anybody's. */
export function findSocket(pid: number, instance: string, directories: readonly string[]): string | null {
  const owner = readOwner(pid);
  if (owner === null) return null;
  const paths = directories.map((directory) => join(directory, `${instance}.sock`));
  return paths.find((path) => ownerOfFile(path) === owner) ?? null;
}

/** Null: it is not there, is no socket (a link may lead to anybody's), or lies in a directory that we may not enter. */
function ownerOfFile(path: string): number | null {
  try {
    const file = lstatSync(path);
    return file.isSocket() ? file.uid : null;
  } catch {
    return null;
  }
}

/** The sockets of probes that were attached to processes which have ended since. */
export async function forgetEnded(directory: string): Promise<void> {
  const listed = listSockets(directory);
  if (listed.outcome !== 'ok') return;
  const ended = listed.value.filter(({ pid, startTicks }) => readProcess(pid)?.startTicks !== startTicks);
  await Promise.all(ended.map(removeStale));
}
