import type { Redis } from 'ioredis';
import { LastLook } from '../../incident/last-look.ts';
import { parseJson } from './instance-store.ts';
import { lastLooksKey } from './keys.ts';

/** Of a service, newest; each at most 256 KiB (snapshot-bound.ts), mostly some 10. */
const KEPT = 5;
const KEEP_SECONDS = 86_400;

export interface LastLooks {
  /** A look that is saved again, by instance and time, takes the place of what it had seen before. */
  save(service: string, look: LastLook): Promise<void>;
  /** Newest first. */
  list(service: string): Promise<LastLook[]>;
}

const SAVE = `
local newest = redis.call('lindex', KEYS[1], 0)
local look = newest and cjson.decode(newest)
if look and look.instance == ARGV[2] and look.at == ARGV[3] then
  redis.call('lset', KEYS[1], 0, ARGV[1])
else
  redis.call('lpush', KEYS[1], ARGV[1])
  redis.call('ltrim', KEYS[1], 0, ARGV[4] - 1)
end
redis.call('expire', KEYS[1], ARGV[5])`;

/** Looks from shortly before a limit: one list a service. */
export function createLastLooks(redis: Redis, prefix: string): LastLooks {
  return {
    async save(service, look) {
      const key = lastLooksKey(prefix, service);
      await redis.eval(SAVE, 1, key, JSON.stringify(look), look.instance, look.at, KEPT, KEEP_SECONDS);
    },
    async list(service) {
      const stored = await redis.lrange(lastLooksKey(prefix, service), 0, -1);
      return stored.flatMap((text) => parseJson(LastLook, text));
    },
  };
}
