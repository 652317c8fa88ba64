/** What a program wrote, in a file of its own directory: bounded, and only its end is quoted. */
import { lstat, mkdtemp, open, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** More is no report any more; the disk of the collector is not the program's. */
export const MAX_OUTPUT_BYTES = 16 * 2 ** 20;
const PREFIX = 'memtriage-rollback-';
/** Far longer than a program may run, taken over as often as it may be (six times 10 min). */
const STALE_MS = 6 * 3600 * 1000;
const TAIL_BYTES = 2000;
const MAX_QUOTE = 200;

/** A new directory that nobody else can read. */
export async function makeOutput(): Promise<string> {
  return await mkdtemp(join(tmpdir(), PREFIX));
}

/** Right before the program is started: once it is there, the program may have run. Rejects when another collector took over. */
export async function openOutput(directory: string): Promise<Awaited<ReturnType<typeof open>>> {
  return await open(join(directory, 'output'), 'wx', 0o600);
}

/**
 * Was the program of this directory certainly not started? Then it can't be any more: the directory is gone, and
 * `openOutput` rejects. False too where nobody can tell, as on another machine.
 */
export async function takeUnused(directory: string): Promise<boolean> {
  if (!isOurs(directory)) return false;
  return await rmdir(directory).then(
    () => true,
    () => false,
  );
}

/** What collectors that were killed left behind, however long ago. Resolves with how many there were. */
export async function removeStaleOutputs(nowMs: number): Promise<number> {
  const names = await readdir(tmpdir()).catch(() => []);
  let removed = 0;
  for (const directory of names.map((name) => join(tmpdir(), name)).filter(isOurs)) {
    const seen = await lstat(directory).catch(() => null);
    // Others may make directories of that name in there, or links.
    if (seen?.isDirectory() !== true || seen.uid !== process.getuid?.() || nowMs - seen.mtimeMs < STALE_MS) continue;
    await removeOutput(directory);
    removed += 1;
  }
  return removed;
}

function isOurs(directory: string): boolean {
  return dirname(directory) === tmpdir() && basename(directory).startsWith(PREFIX);
}

export async function sizeOfOutput(directory: string): Promise<number> {
  return await stat(join(directory, 'output')).then(
    ({ size }) => size,
    () => 0,
  );
}

/** The last line that says something, cut to 200 characters; empty: none, or the file is gone. */
export async function tailOfOutput(directory: string): Promise<string> {
  const file = await open(join(directory, 'output'), 'r').catch(() => null);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(TAIL_BYTES),
      position: Math.max(0, size - TAIL_BYTES),
    });
    return lastLine(buffer.subarray(0, bytesRead).toString('utf8'));
  } finally {
    await file.close();
  }
}

/** A path that is none of ours is left alone: it comes from Redis. */
export async function removeOutput(directory: string): Promise<void> {
  if (isOurs(directory)) await rm(directory, { recursive: true, force: true });
}

/** The last line of a text that is not empty, without control characters. */
export function lastLine(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.replaceAll(/\p{Cc}/gu, ' ').trim())
    .filter((line) => line !== '');
  return Array.from(lines.at(-1) ?? '')
    .slice(0, MAX_QUOTE)
    .join('');
}
