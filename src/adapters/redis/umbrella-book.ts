import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import { type ChannelKills, openOf, Umbrella, UmbrellaChild } from '../../incident/umbrella.ts';
import { incidentKey, KEEP_SECONDS } from './incident-book.ts';
import { parseJson } from './instance-store.ts';
import { channelKillsKey, openUmbrellasKey, umbrellaKey } from './keys.ts';

/** Other bots take their turns with one channel; those of this one wait for each other before. */
const MAX_ROUNDS = 50;

export interface UmbrellaBook {
  find(id: string): Promise<Umbrella | null>;
  /** Ids of those that are open, of all channels. */
  open(): Promise<string[]>;
  /**
   * Changes the kills of a channel by a pure function, atomically with the umbrellas and with what their incidents know
   * of them; it is asked again when another bot was faster. `own`: the umbrella of the incident in question, or null.
   * A new umbrella (without an id) gets one. Resolves with what is then stored, and whether that is new.
   */
  change(
    channelId: string,
    own: string | null,
    decide: (before: ChannelKills) => ChannelKills,
  ): Promise<{ kills: ChannelKills; isChanged: boolean }>;
}

/**
 * Every change of a channel raises its version, those of its umbrellas too: who read an older one writes nothing.
 * KEYS: channel, open umbrellas, then each changed umbrella, then each incident. ARGV: version before, recent kills,
 * id of the open one (empty: none), keep seconds, changed umbrellas as a list of {id, json, isOpen}, incidents as a list
 * of {umbrella, isListed}. An incident that is gone stays gone. Returns 1 when written.
 */
const CHANGE = `
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1] + 1, 'recent', ARGV[2], 'open', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
local key = 2
for _, umbrella in ipairs(cjson.decode(ARGV[5])) do
  key = key + 1
  redis.call('SET', KEYS[key], umbrella.json, 'EX', ARGV[4])
  redis.call(umbrella.isOpen == 1 and 'SADD' or 'SREM', KEYS[2], umbrella.id)
end
for _, incident in ipairs(cjson.decode(ARGV[6])) do
  key = key + 1
  if redis.call('EXISTS', KEYS[key]) == 1 then
    redis.call('HSET', KEYS[key], 'umbrella', incident.umbrella, 'isListed', incident.isListed)
  end
end
return 1
`;

/** One hash a channel, one string an umbrella; each incident's hash names the newest umbrella that it is under. */
export function createUmbrellaBook(redis: Redis, prefix: string): UmbrellaBook {
  const tails = new Map<string, Promise<unknown>>();

  async function find(id: string): Promise<Umbrella | null> {
    const stored = await redis.get(umbrellaKey(prefix, id));
    return parseJson(Umbrella, stored ?? '')[0] ?? null;
  }

  async function read(channelId: string, own: string | null): Promise<{ kills: ChannelKills; version: string }> {
    const fields = await redis.hmget(channelKillsKey(prefix, channelId), 'version', 'recent', 'open');
    const [version, recent, open] = fields;
    const ids = [...new Set([own ?? '', open ?? ''])].filter((id) => id !== '');
    const umbrellas = (await Promise.all(ids.map(find))).filter((one) => one !== null);
    const [kills = []] = parseJson(UmbrellaChild.array(), recent ?? '');
    return { kills: { recent: kills, umbrellas }, version: version ?? '0' };
  }

  async function write(
    channelId: string,
    version: string,
    before: ChannelKills,
    after: ChannelKills,
  ): Promise<boolean> {
    const changed = after.umbrellas.filter((one) => !before.umbrellas.includes(one));
    const marks = changed.flatMap((umbrella) => marksOf(umbrella, before));
    const keys = [
      channelKillsKey(prefix, channelId),
      openUmbrellasKey(prefix),
      ...changed.map(({ id }) => umbrellaKey(prefix, id)),
      ...marks.map(({ incident }) => incidentKey(prefix, incident)),
    ];
    const records = changed.map((one) => ({
      id: one.id,
      json: JSON.stringify(one),
      isOpen: one.endedAt === null ? 1 : 0,
    }));
    const state = [version, JSON.stringify(after.recent), openOf(after)?.id ?? '', KEEP_SECONDS];
    return (await redis.eval(CHANGE, keys.length, ...keys, ...state, list(records), list(marks))) === 1;
  }

  async function changeNow(channelId: string, own: string | null, decide: (before: ChannelKills) => ChannelKills) {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const { kills: before, version } = await read(channelId, own);
      const decided = decide(before);
      if (isDeepStrictEqual(decided, before)) return { kills: before, isChanged: false };
      const after = { ...decided, umbrellas: await Promise.all(decided.umbrellas.map(named)) };
      if (await write(channelId, version, before, after)) return { kills: after, isChanged: true };
    }
    throw new Error(`the kills of ${channelId} change too fast`);
  }

  async function named(umbrella: Umbrella): Promise<Umbrella> {
    if (umbrella.id !== '') return umbrella;
    return { ...umbrella, id: `U-${await redis.incr(`${prefix}:umbrella-seq`)}` };
  }

  return {
    find,
    open: async () => await redis.smembers(openUmbrellasKey(prefix)),
    async change(channelId, own, decide) {
      const before = tails.get(channelId) ?? Promise.resolve();
      const mine = before.catch(() => {}).then(async () => await changeNow(channelId, own, decide));
      tails.set(channelId, mine);
      return await mine.finally(() => {
        if (tails.get(channelId) === mine) tails.delete(channelId);
      });
    },
  };
}

/** Incidents whose place in this umbrella is new. */
function marksOf({ id, children }: Umbrella, { umbrellas }: ChannelKills) {
  const known = umbrellas.find((umbrella) => umbrella.id === id)?.children ?? [];
  return children
    .filter(({ incident, hasThread }) => !known.some((one) => one.incident === incident && one.hasThread === hasThread))
    .map(({ incident, hasThread }) => ({ incident, umbrella: id, isListed: hasThread ? '' : '1' }));
}

/** Lua's cjson makes an object of an empty list, which `ipairs` takes as well. */
function list(records: readonly unknown[]): string {
  return JSON.stringify(records);
}
