/** What a Redis server says about itself, and what memtriage needs of it. */
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { CommandError, EXIT_UNAVAILABLE } from '../../errors.ts';

export type ServerInfo = {
  version: string;
  processId: number | null;
  isLoading: boolean;
  evictionPolicy: string | null;
  keepsAppendOnlyFile: boolean;
};

/** BullMQ recommends 6.2 (its own check warns below); none of ours is tested with older ones. */
const OLDEST_VERSION = [6, 2] as const;

/** From INFO, which managed servers allow where they forbid CONFIG, and which answers while data are still loading. */
export async function readServerInfo(redis: Redis): Promise<ServerInfo> {
  const fields = new Map<string, string>();
  for (const line of (await redis.info()).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  const processId = Number(fields.get('process_id'));
  return {
    version: fields.get('redis_version') ?? '0.0.0',
    processId: Number.isSafeInteger(processId) && processId > 0 ? processId : null,
    isLoading: fields.get('loading') === '1' || fields.get('async_loading') === '1',
    evictionPolicy: fields.get('maxmemory_policy') ?? null,
    keepsAppendOnlyFile: fields.get('aof_enabled') === '1',
  };
}

export function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1]);
}

/** Each a sentence: what is wrong with the server's settings, and the line that cures it. */
export function settingsWarnings({ evictionPolicy, keepsAppendOnlyFile }: ServerInfo): string[] {
  const warnings: string[] = [];
  if (evictionPolicy !== null && evictionPolicy !== 'noeviction') {
    warnings.push(
      `Redis may throw away incidents and jobs: its maxmemory-policy is ${evictionPolicy}; set it to noeviction`,
    );
  }
  if (!keepsAppendOnlyFile) {
    warnings.push('Redis loses incidents and jobs when it crashes: it keeps no append-only file; set appendonly yes');
  }
  return warnings;
}

/** Throws a CommandError (69) when the server is too old, warns loudly of settings that lose data. */
export function checkServer(info: ServerInfo, place: string, logger: Logger): void {
  if (isTooOld(info.version)) {
    const cure = `Use Redis ${OLDEST_VERSION.join('.')} or later (Valkey counts), or unset REDIS_URL for the embedded one.`;
    throw new CommandError(EXIT_UNAVAILABLE, `${place} is version ${info.version}, which is too old`, cure);
  }
  for (const warning of settingsWarnings(info)) logger.warn({ redis: place }, warning);
}
