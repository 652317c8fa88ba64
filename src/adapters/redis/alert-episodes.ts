import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/**
 * Alertmanager repeats every 4 h. An end that Slack never told us of must not hide the next beginning for longer, and
 * the queue knows copies for as long.
 */
const KEEP_SECONDS = 86_400;

/** From the first message that it fires to the one that it is over; Slack's times, seconds with six digits. */
export type Episode = { since: string; isOver: boolean };

export interface AlertEpisodes {
  /**
   * The episode that a message belongs to: begun by it, gone on, or ended. The same message again changes nothing.
   * `overtakenSeconds`: a beginning that comes so soon after an end without one belongs to that end; 0: its time is true.
   */
  note(fingerprint: string, status: 'firing' | 'resolved', at: string, overtakenSeconds?: number): Promise<Episode>;
}

/**
 * KEYS: episode. ARGV: status, at, keep seconds, overtaken seconds. Times are compared as text: they have the same length until 2286.
 * A message that comes late, after the end that follows it, belongs to what is over.
 */
const NOTE = `
local since, ended = unpack(redis.call('HMGET', KEYS[1], 'since', 'ended'))
if ARGV[1] == 'resolved' then
  if not ended then redis.call('HSET', KEYS[1], 'ended', ARGV[2]); ended = ARGV[2] end
  if not since then since = ARGV[2] end
elseif ended and ARGV[2] > ended and (since or ARGV[2] - ended >= tonumber(ARGV[4])) then
  redis.call('HDEL', KEYS[1], 'ended')
  redis.call('HSET', KEYS[1], 'since', ARGV[2])
  since, ended = ARGV[2], false
elseif not since then
  redis.call('HSET', KEYS[1], 'since', ARGV[2])
  since = ARGV[2]
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {since, ended and 1 or 0}
`;

/**
 * Messages tell that an alert fires, not since when: without this, every reminder would be a further alert, and an end
 * could not be joined with its beginning.
 */
export function createAlertEpisodes(redis: Redis, prefix: string): AlertEpisodes {
  return {
    async note(fingerprint, status, at, overtakenSeconds = 0) {
      const id = createHash('sha256').update(fingerprint).digest('hex').slice(0, 32);
      const key = `${prefix}:alert-episode:${id}`;
      const answer: unknown = await redis.eval(NOTE, 1, key, status, at, KEEP_SECONDS, overtakenSeconds);
      const [since, isOver] = Array.isArray(answer) ? answer : [];
      return { since: String(since), isOver: isOver === 1 };
    },
  };
}
