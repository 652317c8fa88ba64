import type { Redis } from 'ioredis';
import { Silence } from '../../incident/silence.ts';
import { parseJson } from './instance-store.ts';
import { silenceKey } from './keys.ts';

export interface SilenceBook {
  /** Replaces one that is there; it ends by itself at its `until`. */
  set(silence: Silence): Promise<void>;
  /** The one in force, or null. */
  find(service: string): Promise<Silence | null>;
  /** Those in force, in the order of the services given. */
  list(services: readonly string[]): Promise<Silence[]>;
  /** False when there was none. */
  end(service: string): Promise<boolean>;
}

/** One string a service that expires with the silence. */
export function createSilenceBook(redis: Redis, prefix: string): SilenceBook {
  return {
    async set(silence) {
      await redis.set(silenceKey(prefix, silence.service), JSON.stringify(silence), 'PXAT', Date.parse(silence.until));
    },
    async find(service) {
      const stored = await redis.get(silenceKey(prefix, service));
      return stored === null ? null : (parseJson(Silence, stored)[0] ?? null);
    },
    async list(services) {
      if (services.length === 0) return [];
      const stored = await redis.mget(services.map((service) => silenceKey(prefix, service)));
      return stored.flatMap((text) => (text === null ? [] : parseJson(Silence, text)));
    },
    end: async (service) => (await redis.del(silenceKey(prefix, service))) === 1,
  };
}
