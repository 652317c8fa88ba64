import type { Redis } from 'ioredis';
import { WatchState } from '../../watch/hysteresis.ts';
import { parseJson } from './instance-store.ts';
import { watchStateKey } from './keys.ts';

/** A service that nobody looked at for that long is looked at as if for the first time. */
const KEEP_SECONDS = 7 * 86_400;

/** key; moment of the state that the new one was made from (empty: none), new state, keep seconds. */
const REPLACE = `
local stored = redis.call('GET', KEYS[1])
local at = ''
if stored then at = string.format('%.0f', cjson.decode(stored).atMs) end
if at ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`;

export type WatchStateStore = {
  load(service: string): Promise<WatchState | null>;
  /** False, and nothing stored, when another look was counted since `before` was loaded. */
  save(service: string, next: WatchState, before: WatchState | null): Promise<boolean>;
};

/** What the watch remembers of each service between two looks: one small JSON. */
export function createWatchStateStore({ redis, prefix }: { redis: Redis; prefix: string }): WatchStateStore {
  return {
    async load(service) {
      const key = watchStateKey(prefix, service);
      const stored = await redis.get(key);
      const [state = null] = stored === null ? [] : parseJson(WatchState, stored);
      // Of another version, or damaged: in the way of every later one.
      if (stored !== null && state === null) await redis.del(key);
      return state;
    },
    async save(service, next, before) {
      const from = before === null ? '' : before.atMs.toFixed(0);
      const args = [from, JSON.stringify(next), KEEP_SECONDS];
      return (await redis.eval(REPLACE, 1, watchStateKey(prefix, service), ...args)) === 1;
    },
  };
}
