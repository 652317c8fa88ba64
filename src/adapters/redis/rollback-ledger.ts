import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { ActLedger, Begun } from '../../mitigation/act-once.ts';
import { ActEnd, type RollbackOrder } from '../../mitigation/executor.ts';
import { parseJson } from './instance-store.ts';
import { rollbackActKey, rollbackHolderKey } from './keys.ts';

/** Longer than any incident is looked at again: a rollback that was done is not done anew under its key. */
const KEEP_SECONDS = 90 * 86_400;
/** A service is held no longer than any executor may take, twice over: whoever holds it may be gone for good. */
const HELD_SECONDS = 3600;

/**
 * KEYS: act, holder of the service. ARGV: key, order, keep seconds, held seconds.
 * Returns {state, end or holder, takeovers, fence}.
 */
const BEGIN = `
local ended = redis.call('HGET', KEYS[1], 'end')
if ended then return {'ended', ended, 0, 0} end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[1] then return {'busy', holder, 0, 0} end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[4])
local fence = redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[1], 'order', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {fence == 1 and 'begun' or 'again', '', fence - 1, fence}
`;

/** KEYS: act, holder. ARGV: key, end, keep seconds. Returns the end that counts. */
const END = `
redis.call('HSETNX', KEYS[1], 'end', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return redis.call('HGET', KEYS[1], 'end')
`;

/** KEYS: act. ARGV: fence, receipt. Returns 1 when it was written. */
const WRITE_RECEIPT = `
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'end') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'receipt', ARGV[2])
return 1
`;

const BeginReply = z.tuple([z.enum(['begun', 'again', 'ended', 'busy']), z.string(), z.number(), z.number()]);

/** Intents and ends of rollbacks, one hash each, by the hash of their key. */
export function createRollbackLedger(redis: Redis, prefix: string): ActLedger {
  const actKey = (key: string): string => rollbackActKey(prefix, createHash('sha256').update(key).digest('hex'));
  const keysOf = ({ key, service }: RollbackOrder): [string, string] => [
    actKey(key),
    rollbackHolderKey(prefix, service),
  ];

  return {
    async ended(key) {
      return readEnd(await redis.hget(actKey(key), 'end'));
    },
    isIntended: async (key) => (await redis.hexists(actKey(key), 'fence')) === 1,
    async begin(order) {
      const stored = JSON.stringify(order);
      const reply = await redis.eval(BEGIN, 2, ...keysOf(order), order.key, stored, KEEP_SECONDS, HELD_SECONDS);
      const [state, text, takeovers, fence] = BeginReply.parse(reply);
      if (state === 'busy') return { state, by: text };
      return state === 'ended'
        ? { state, end: ActEnd.parse(JSON.parse(text)) }
        : ({ state, takeovers, fence } satisfies Begun);
    },
    async end(order, end) {
      const stored = await redis.eval(END, 2, ...keysOf(order), order.key, JSON.stringify(end), KEEP_SECONDS);
      return readEnd(typeof stored === 'string' ? stored : null) ?? end;
    },
    readReceipt: (key) => redis.hget(actKey(key), 'receipt'),
    async writeReceipt(key, fence, text) {
      const written = await redis.eval(WRITE_RECEIPT, 1, actKey(key), fence, text);
      if (written !== 1) throw new Error(`another collector has taken over the rollback ${key}`);
    },
  };
}

function readEnd(stored: string | null): ActEnd | null {
  return parseJson(ActEnd, stored ?? '')[0] ?? null;
}
