import type { Redis } from 'ioredis';

/** As the outbox keeps it (outbox-store.ts): score = priority x this + milliseconds. */
const SCORE_STEP = 1e13;
const PRIORITIES = [0, 1, 2, 3, 4];
/** More channels than that with something to deliver are not looked into. */
const MAX_CHANNELS = 200;

/** Threads that are wanted and not yet at Slack; `oldestMs`: when the oldest wish was made, by Redis' clock. */
export async function readBacklog(redis: Redis, prefix: string): Promise<{ threads: number; oldestMs: number | null }> {
  const channels = (await redis.smembers(`${prefix}:outbox:channels`)).slice(0, MAX_CHANNELS);
  const found = await Promise.all(
    channels.map(async (channelId) => {
      const key = `${prefix}:outbox:pending:${channelId}`;
      const [threads, ...heads] = await Promise.all([
        redis.zcard(key),
        ...PRIORITIES.map((priority) =>
          redis.zrangebyscore(
            key,
            priority * SCORE_STEP,
            `(${(priority + 1) * SCORE_STEP}`,
            'WITHSCORES',
            'LIMIT',
            0,
            1,
          ),
        ),
      ]);
      return { threads, oldest: heads.flatMap(([, score]) => (score === undefined ? [] : Number(score) % SCORE_STEP)) };
    }),
  );
  const oldest = Math.min(...found.flatMap((one) => one.oldest));
  return {
    threads: found.reduce((sum, { threads }) => sum + threads, 0),
    oldestMs: Number.isFinite(oldest) ? oldest : null,
  };
}
