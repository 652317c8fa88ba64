/** The way to Redis: the one that REDIS_URL names, or the embedded one. */
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { percentDecoded } from '../../config/secret.ts';
import { CommandError, EXIT_UNAVAILABLE, messageOf } from '../../errors.ts';
import { type EmbeddedRedis, openEmbedded } from './embedded.ts';
import { patiently } from './patiently.ts';
import { checkServer, readServerInfo } from './server-info.ts';

/** Of every key. The hash tag puts them all into one slot, so that scripts over several keys work in a Redis Cluster. */
export const REDIS_PREFIX = '{memtriage}';

type Address =
  | { path: string }
  | { host: string; port: number; username?: string; password?: string; db?: number; tls?: Record<string, never> };

/** Options for ioredis, in a shape that BullMQ takes too. */
export type BlockingOptions = Address & {
  retryStrategy: (attempt: number) => number;
  connectionName: string;
  maxRetriesPerRequest: null;
};

export type RedisHandle = {
  /**
   * The shared connection for producers and stores: a command fails within a second when Redis is away, and is never
   * sent later behind the caller's back. For BullMQ's Queue; never for a Worker.
   */
  command(): Redis;
  /** Options of connections that wait for Redis as long as it takes: for BullMQ's Worker and QueueEvents. */
  blocking(): BlockingOptions;
  prefix: string;
  /** For people: without user and password. */
  describe(): string;
  /** Closes what was opened here; connections made from `blocking()` belong to whoever made them. */
  close(): Promise<void>;
};

/** How long a role waits for a Redis that is still starting, as in `docker compose up`. */
const CONNECT_SECONDS = 10;
/** The Slack ack has 3 s in all, and an honest error is due within 1 s. */
const COMMAND_TIMEOUT_MS = 900;

const retryStrategy = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt - 1, 5), 1000);

/**
 * Connects, waits until Redis is ready and checks it. Throws a CommandError (69) when it can't be reached or is too old.
 * `url` null: the embedded Redis in `configDir`; it comes back by itself when it is killed.
 */
export async function openRedis(options: {
  url: string | null;
  configDir: string;
  logger: Logger;
}): Promise<RedisHandle> {
  const { url, configDir, logger } = options;
  const embedded = url === null ? await openEmbedded(configDir) : null;
  const address: Address = embedded === null ? toAddress(url ?? '') : { path: embedded.path };
  const place =
    embedded === null ? `Redis at ${describeUrl(url ?? '')}` : `the embedded Redis in ${embedded.directory}`;
  const command = new Redis({
    ...address,
    retryStrategy,
    lazyConnect: true,
    connectionName: 'memtriage',
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
  });
  let isClosed = false;
  const close = async (): Promise<void> => {
    if (isClosed) return;
    isClosed = true;
    command.disconnect();
    embedded?.close();
  };
  try {
    await embedded?.ensureServer();
    await connected(command, place);
    checkServer(await patiently(() => readServerInfo(command), logger), place, logger);
  } catch (error) {
    await close();
    throw error;
  }
  watch(command, { embedded, place, logger, isClosed: () => isClosed });
  return {
    command: () => command,
    blocking: () => ({ ...address, retryStrategy, connectionName: 'memtriage', maxRetriesPerRequest: null }),
    prefix: REDIS_PREFIX,
    describe: () => place,
    close,
  };
}

/** Once ready: a Queue that is built on a connection before that ends the process (BullMQ 6.7, offline queue off). */
async function connected(command: Redis, place: string): Promise<void> {
  let last: unknown = null;
  command.on('error', (error) => {
    last = error;
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(unreachable(place, last)), CONNECT_SECONDS * 1000);
    command.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
    command.connect().catch((error: unknown) => {
      // Wrong password, unknown database: no waiting helps. Refused connections are tried again until the deadline.
      if (/WRONGPASS|NOAUTH|NOPERM|invalid password|DB index/i.test(messageOf(last ?? error))) {
        clearTimeout(timer);
        reject(unreachable(place, last ?? error));
      }
    });
  });
}

function unreachable(place: string, cause: unknown): CommandError {
  const why = cause === null ? 'no answer' : messageOf(cause) || 'no answer';
  const cure = 'Start it, correct REDIS_URL, or unset REDIS_URL to use the embedded Redis.';
  return new CommandError(EXIT_UNAVAILABLE, `${place} can't be reached: ${why}`, cure, { cause });
}

type Watched = { embedded: EmbeddedRedis | null; place: string; logger: Logger; isClosed: () => boolean };

/** Tells of each loss and return once, and brings a lost embedded server back. */
function watch(command: Redis, { embedded, place, logger, isClosed }: Watched): void {
  let isLost = false;
  let reviving: Promise<void> | null = null;
  // `close` comes after each vain attempt too, so a failed revival is tried again with the connection's own patience.
  command.on('close', () => {
    if (isClosed()) return;
    if (!isLost) logger.warn({ redis: place }, 'Redis connection lost');
    isLost = true;
    reviving ??=
      embedded?.ensureServer().then(
        () => {
          reviving = null;
        },
        (error: unknown) => {
          reviving = null;
          logger.error({ redis: place, err: error }, 'the embedded Redis did not come back');
        },
      ) ?? null;
  });
  command.on('ready', () => {
    if (isLost) logger.info({ redis: place }, 'Redis connection is back');
    isLost = false;
  });
}

/** `redis://user:password@host:6379/0`, `rediss://…` with TLS, `unix:///path`. Throws a CommandError (69). */
function toAddress(text: string): Address {
  if (text.startsWith('unix://')) return { path: text.slice('unix://'.length) };
  if (!URL.canParse(text)) throw unreachable('Redis', new Error('REDIS_URL is not a URL'));
  const { protocol, hostname, port, username, password, pathname } = new URL(text);
  const database = Number(pathname.slice(1));
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 6379 : Number(port),
    ...(username === '' ? {} : { username: percentDecoded(username) }),
    ...(password === '' ? {} : { password: percentDecoded(password) }),
    ...(Number.isSafeInteger(database) ? { db: database } : {}),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** Without user, password and parameters. */
function describeUrl(text: string): string {
  if (text.startsWith('unix://') || !URL.canParse(text)) return text.startsWith('unix://') ? text : 'REDIS_URL';
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${host}${pathname}`;
}
