import type { Redis } from 'ioredis';
import { Snapshot } from '../../analysis/snapshot.ts';
import { parseJson } from './instance-store.ts';
import { lookSoFarKey } from './keys.ts';

/** Longer than anybody waits for a look, a bot that comes back after a restart included. */
const KEEP_SECONDS = 3600;

/** What looks that are under way have seen so far, one string a look; each bounded by whoever writes it. */
export interface LooksSoFar {
  keep(lookId: string, partial: Snapshot): Promise<void>;
  find(lookId: string): Promise<Snapshot | null>;
}

export function createLooksSoFar(redis: Redis, prefix: string): LooksSoFar {
  return {
    async keep(lookId, partial) {
      await redis.set(lookSoFarKey(prefix, lookId), JSON.stringify(partial), 'EX', KEEP_SECONDS);
    },
    async find(lookId) {
      const stored = await redis.get(lookSoFarKey(prefix, lookId));
      return stored === null ? null : (parseJson(Snapshot, stored)[0] ?? null);
    },
  };
}
