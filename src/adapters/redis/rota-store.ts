import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Rota } from '../../oncall/rota.ts';
import { parseJson } from './instance-store.ts';
import { rotaKey } from './keys.ts';

/** A rota is fetched for five weeks; older than that it tells nothing of today. */
const KEEP_SECONDS = 35 * 86_400;

/**
 * The last good answer of a team's schedule. `fetchedAtMs`: epoch milliseconds. `source`: its name for people. `of`: a
 * hash of where it is from, which may be a secret; absent: an earlier version stored it.
 */
export const StoredRota = z.object({
  schema: z.literal(1),
  source: z.string(),
  of: z.string().optional(),
  fetchedAtMs: z.number(),
  rota: Rota,
});
export type StoredRota = z.infer<typeof StoredRota>;

export type RotaStore = {
  /** Null: never fetched, or by another version. */
  load(team: string): Promise<StoredRota | null>;
  save(team: string, stored: StoredRota): Promise<void>;
};

export function createRotaStore({ redis, prefix }: { redis: Redis; prefix: string }): RotaStore {
  return {
    async load(team) {
      const json = await redis.get(rotaKey(prefix, team));
      return json === null ? null : (parseJson(StoredRota, json)[0] ?? null);
    },
    async save(team, stored) {
      await redis.set(rotaKey(prefix, team), JSON.stringify(stored), 'EX', KEEP_SECONDS);
    },
  };
}
