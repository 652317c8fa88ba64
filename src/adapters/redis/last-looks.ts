import type { Redis } from 'ioredis';
import { LastLook } from '../../incident/last-look.ts';
import { parseJson } from './instance-store.ts';
import { lastLooksKey } from './keys.ts';

/** Of a service, newest; each at most 256 KiB (snapshot-bound.ts), mostly some 10. */
const KEPT = 5;
const KEEP_SECONDS = 86_400;

export interface LastLooks {
  save(service: string, look: LastLook): Promise<void>;
  /** Newest first. */
  list(service: string): Promise<LastLook[]>;
}

/** Looks from shortly before a limit: one list a service. */
export function createLastLooks(redis: Redis, prefix: string): LastLooks {
  return {
    async save(service, look) {
      const key = lastLooksKey(prefix, service);
      await redis
        .multi()
        .lpush(key, JSON.stringify(look))
        .ltrim(key, 0, KEPT - 1)
        .expire(key, KEEP_SECONDS)
        .exec();
    },
    async list(service) {
      const stored = await redis.lrange(lastLooksKey(prefix, service), 0, -1);
      return stored.flatMap((text) => parseJson(LastLook, text));
    },
  };
}
