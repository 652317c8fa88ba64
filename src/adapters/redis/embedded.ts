/** The Redis that is there when nobody configured one: a private server beside the configuration, shared by its roles. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { chmod, lstat, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { CommandError, EXIT_UNAVAILABLE, messageOf } from '../../errors.ts';
import {
  DIRECTORY_TAKEN,
  isDirectoryFree,
  makeFifo,
  refuseWithoutTools,
  requireRedisServer,
  startKeeper,
  TOOLS_MISSING,
} from './embedded-keeper.ts';
import { readServerInfo, type ServerInfo } from './server-info.ts';

export type EmbeddedRedis = {
  directory: string;
  /** Path to connect to, valid in this process only. */
  path: string;
  /** Adopts the server that answers, or starts one. Throws a CommandError (69). Again after the server was lost. */
  ensureServer: () => Promise<void>;
  /** Gives up this role's share: the server ends when it was the last one. */
  close: () => void;
};

/** Loading a large append-only file is the slowest honest start: about 1 GB in 10 s on one core. */
const START_SECONDS = 30;
/** From then on silence is looked into: has the server ended again? A start takes 20 ms (facts: 11-18 ms measured). */
const SILENCE_SECONDS = 2;
/** `sun_path` of a Unix socket holds 108 bytes with its end (unix(7)). */
const LONGEST_SOCKET_PATH = 107;

/** `configDir`: the directory of the configuration; data lie in `.memtriage/redis` below it, for this user only. */
export async function openEmbedded(configDir: string): Promise<EmbeddedRedis> {
  const directory = join(configDir, '.memtriage', 'redis');
  await makePrivate(directory);
  const lease = await openLease(join(directory, 'lease'));
  const socket = shortSocketPath(directory);
  let keeper: ChildProcess | null = null;
  let isClosed = false;
  return {
    directory,
    path: socket.path,
    ensureServer: async () => {
      const started = await ensureServer(directory, socket.path, () => isClosed);
      if (started === null) return;
      // The one before has lost its server, else the lock had not been free.
      keeper?.kill();
      keeper = started;
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      socket.close();
      closeSync(lease);
    },
  };
}

/** The keeper when one had to be started, null when a server was adopted. */
async function ensureServer(directory: string, path: string, isClosed: () => boolean): Promise<ChildProcess | null> {
  const startedAt = Date.now();
  let keeper: ChildProcess | null = null;
  for (let wait = 10; !isClosed(); wait = Math.min(wait * 1.5, 250)) {
    const seconds = (Date.now() - startedAt) / 1000;
    if ((await askServer(path)) === 'ready') return keeper?.exitCode === null ? keeper : null;
    if (keeper === null) {
      await requireRedisServer();
      keeper = startKeeper(directory);
    } else if (keeper.exitCode === DIRECTORY_TAKEN) {
      keeper = startKeeper(directory);
    } else if (keeper.exitCode === TOOLS_MISSING) {
      refuseWithoutTools();
    } else if (seconds > START_SECONDS || (seconds > SILENCE_SECONDS && (await isDirectoryFree(directory)))) {
      throw await notStarted(directory);
    }
    await delay(wait);
  }
  return keeper;
}

/** `orphan` is told to end: its keeper is gone, so nothing would ever end it. */
async function askServer(path: string): Promise<'ready' | 'silent'> {
  const redis = new Redis({
    path,
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
    commandTimeout: 2000,
  });
  redis.on('error', () => {});
  try {
    const info = await readServerInfo(redis);
    if (info.isLoading) return 'silent';
    if (await isKept(info)) return 'ready';
    await redis.shutdown('NOSAVE').catch(() => {});
    return 'silent';
  } catch {
    return 'silent';
  } finally {
    redis.disconnect();
  }
}

/** Whether the server's parent is a keeper. One that can't be seen from here (another container) is taken at its word. */
async function isKept({ processId }: ServerInfo): Promise<boolean> {
  if (processId === null) return true;
  const stat = await readFile(`/proc/${processId}/stat`, 'utf8').catch(() => '');
  const [, name, parent] = /\((.*)\) \S (\d+)/.exec(stat) ?? [];
  if (name !== 'redis-server') return true;
  const parentName = await readFile(`/proc/${parent}/comm`, 'utf8').catch(() => '');
  return parentName.trim() === 'cat';
}

async function makePrivate(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const found = await lstat(directory);
    if (!found.isDirectory()) throw new Error('it is not a directory');
    if (found.uid !== process.getuid?.()) throw new Error(`it belongs to another user (uid ${found.uid})`);
    await chmod(directory, 0o700);
  } catch (error) {
    throw new CommandError(
      EXIT_UNAVAILABLE,
      `the embedded Redis can't use ${directory}: ${messageOf(error)}`,
      'Let the user that memtriage runs as own that directory, or set REDIS_URL.',
      { cause: error },
    );
  }
}

/** Read and write: opening a fifo so never waits, and counts as a writer until this process ends. */
async function openLease(path: string): Promise<number> {
  const found = await lstat(path).catch(() => null);
  // A copied directory may have a plain file there, which `cat` would read to its end at once.
  if (found?.isFIFO() === false) await rm(path);
  if (found?.isFIFO() !== true) {
    // Another role may have made it in between.
    await makeFifo(path)
      .catch(() => lstat(path))
      .catch(refuseWithoutTools);
  }
  return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
}

/** Where the path is too long for a socket, the same directory by an open descriptor: short, and safe from symlinks. */
function shortSocketPath(directory: string): { path: string; close: () => void } {
  const path = join(directory, 's');
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return { path, close: () => {} };
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${descriptor}/s`, close: () => closeSync(descriptor) };
}

async function notStarted(directory: string): Promise<CommandError> {
  const log = await readFile(join(directory, 'redis.log'), 'utf8').catch(() => '');
  const lastWords = log.trim().split('\n').slice(-3).join('\n');
  const message = `the embedded Redis did not start in ${directory}${lastWords === '' ? '' : `; its last words:\n${lastWords}`}`;
  return new CommandError(EXIT_UNAVAILABLE, message, `Read ${join(directory, 'redis.log')}; or set REDIS_URL.`);
}
