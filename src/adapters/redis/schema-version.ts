/** Which shape the data in Redis have. Raised only when an older memtriage could not work with what a newer one writes. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { CommandError, EXIT_UNAVAILABLE } from '../../errors.ts';

/** Brings the data of the version before to `to`. Safe to repeat: whoever does it may die in the middle. */
export type Migration = { to: number; name: string; run: (redis: Redis, prefix: string) => Promise<void> };

/**
 * In order, without gaps. Data from before there were versions have the shape of version 1: all that is written since
 * can be read by both, so that old and new bots work side by side.
 */
const MIGRATIONS: readonly Migration[] = [{ to: 1, name: 'data get a version', run: async () => {} }];

/** The newest that this code knows. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)?.to ?? 0;

/** A migration of a replica that died in it is done again by another one after this. Renewed by each step. */
const LOCK_MS = 30_000;
/** Longer than the lock: whoever waits for a dead one gets its turn. */
const PATIENCE_MS = 90_000;
const POLL_MS = 200;

/** String: the version of the data. */
function versionKey(prefix: string): string {
  return `${prefix}:schema`;
}

/** The version of the data; 0: from before there were versions, or none at all. */
export async function readSchemaVersion(redis: Redis, prefix: string): Promise<number> {
  return Number((await redis.get(versionKey(prefix))) ?? 0);
}

/**
 * Brings the data to the version that this code knows: each step once, whichever replica does it; the others wait.
 * Throws a CommandError (69) when the data are of a newer version, or when a migration does not end.
 */
export async function ensureSchema(
  redis: Redis,
  prefix: string,
  logger: Logger,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  const known = migrations.at(-1)?.to ?? 0;
  const owner = randomUUID();
  const end = Date.now() + PATIENCE_MS;
  for (let version = await readSchemaVersion(redis, prefix); version !== known; ) {
    if (version > known) throw tooNew(version, known);
    const next = migrations.find(({ to }) => to === version + 1);
    if (next === undefined) throw new Error(`there is no migration to version ${version + 1}`);
    if (await takeLock(redis, prefix, owner)) {
      logger.info(
        { from: version, to: next.to, migration: next.name },
        'the data in Redis are brought to a new version',
      );
      await next.run(redis, prefix);
      await redis.eval(STEP, 2, versionKey(prefix), lockKey(prefix), owner, version, next.to);
    } else if (Date.now() > end) throw stuck(version, known);
    else await wait(POLL_MS);
    version = await readSchemaVersion(redis, prefix);
  }
}

function lockKey(prefix: string): string {
  return `${prefix}:schema-lock`;
}

async function takeLock(redis: Redis, prefix: string, owner: string): Promise<boolean> {
  return (await redis.eval(LOCK, 1, lockKey(prefix), owner, LOCK_MS)) === 1;
}

/** KEYS: lock. ARGV: owner, milliseconds. 1: it is ours now, or was. */
const LOCK = `
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;

/** KEYS: version, lock. ARGV: owner, version before, version after. One who lost the lock counts nothing. */
const STEP = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3])
return 1
`;

export function tooNew(version: number, known: number = SCHEMA_VERSION): CommandError {
  return new CommandError(
    EXIT_UNAVAILABLE,
    `the data in Redis are of version ${version}, which a newer memtriage wrote; this one knows version ${known}`,
    'Run the newer memtriage again, or name another Redis in REDIS_URL: an older one would lose what it cannot read.',
  );
}

function stuck(version: number, known: number): CommandError {
  return new CommandError(
    EXIT_UNAVAILABLE,
    `the data in Redis are being brought from version ${version} to ${known} by another process, which does not end`,
    'Read the log of the other bots and collectors, then start this one again.',
  );
}
