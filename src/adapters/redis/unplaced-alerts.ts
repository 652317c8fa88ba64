import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/** Different alerts of no service that are told in an hour: enough to configure by, too few to drown a channel. */
export const MAX_TOLD_AN_HOUR = 20;

/** KEYS: set of this hour. ARGV: alert, most. 1: it may be told (again: what was admitted stays so). */
const ADMIT = `
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], 3600) end
return 1
`;

/** May this one still be told? The rest of a flood stands in the log only. */
export async function admitUnplaced(redis: Redis, prefix: string, alertKey: string): Promise<boolean> {
  const id = createHash('sha256').update(alertKey).digest('hex').slice(0, 32);
  return (await redis.eval(ADMIT, 1, `${prefix}:unplaced-alerts`, id, MAX_TOLD_AN_HOUR)) === 1;
}
