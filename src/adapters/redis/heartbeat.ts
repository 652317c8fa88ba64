import type { Redis } from 'ioredis';
import { heartbeatKey, samplerKey } from './keys.ts';

/** A collector that was silent for so long counts as gone: four of its heartbeats. Redis' clock decides, nobody else's. */
export const HEARTBEAT_TTL_SECONDS = 60;

/** Marks the site as served. `who`: for people who look into Redis. */
export async function beat(redis: Redis, prefix: string, site: string, who: string): Promise<void> {
  await redis.set(heartbeatKey(prefix, site), who, 'EX', HEARTBEAT_TTL_SECONDS);
}

export async function isSiteAlive(redis: Redis, prefix: string, site: string): Promise<boolean> {
  return (await redis.exists(heartbeatKey(prefix, site))) === 1;
}

/** The `who` of the last heartbeat, or null when the site is not served. */
export async function whoServes(redis: Redis, prefix: string, site: string): Promise<string | null> {
  return await redis.get(heartbeatKey(prefix, site));
}

/**
 * True while `who` does the sampling of this host: two collectors side by side would record everything twice.
 * `hasEnded`: whether an owner is certainly gone. Then it is replaced at once; of others only their key's end tells.
 */
export async function claimSampling(
  redis: Redis,
  prefix: string,
  place: SamplingPlace,
  { who, ttlSeconds, hasEnded }: { who: string; ttlSeconds: number; hasEnded: (owner: string) => boolean },
): Promise<boolean> {
  const key = samplerKey(prefix, place.site, place.host);
  const claim = async (instead: string): Promise<string> =>
    String(await redis.eval(CLAIM, 1, key, who, ttlSeconds, instead));
  const owner = await claim('');
  if (owner === who) return true;
  return hasEnded(owner) && (await claim(owner)) === who;
}

/** Takes our marks away on a clean end, so that the bot says at once that nobody is there. */
export async function endBeating(redis: Redis, prefix: string, place: SamplingPlace, who: string): Promise<void> {
  await redis.eval(RELEASE, 2, samplerKey(prefix, place.site, place.host), heartbeatKey(prefix, place.site), who);
}

export type SamplingPlace = { site: string; host: string };

/** KEYS: sampler. ARGV: who, seconds, an owner to replace (empty: none). Returns who has it now. */
const CLAIM = `
local owner = redis.call('get', KEYS[1])
if owner and owner ~= ARGV[1] and owner ~= ARGV[3] then return owner end
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
return ARGV[1]`;

const RELEASE = `
for _, key in ipairs(KEYS) do
  if redis.call('get', key) == ARGV[1] then redis.call('del', key) end
end
return 1`;
