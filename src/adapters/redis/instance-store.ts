import type { Redis } from 'ioredis';
import { z } from 'zod';
import { instancesKey, oomKillsKey } from './keys.ts';

/** The life of one instance. Times in epoch seconds, sizes in bytes; null: not known, or not yet. */
export const InstanceRecord = z.object({
  schema: z.literal(1),
  /** `<pid>.<startTicks>`. */
  instance: z.string(),
  /** Host whose collector sees it: nobody else may say that it ended. */
  host: z.string(),
  release: z.string().nullable(),
  python: z.string().nullable(),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
  endReason: z.enum(['deploy', 'recycle', 'oom', 'restart']).nullable(),
  limitBytes: z.number().nullable(),
});
export type InstanceRecord = z.infer<typeof InstanceRecord>;

/** An instance that the kernel's OOM killer took. `at`: epoch seconds, late by one sampling interval at the most. */
export const OomKill = z.object({ at: z.number(), instance: z.string() });
export type OomKill = z.infer<typeof OomKill>;

/** More ended instances than that are forgotten, oldest first: 7 d of a worker recycled every 5 min. */
export const MAX_RECORDS = 2000;
export const MAX_OOM_KILLS = 1000;
const DAY_SECONDS = 86_400;

export interface InstanceStore {
  /** Writes whole records; the last writer wins. Safe to repeat. */
  save(service: string, records: readonly InstanceRecord[]): Promise<void>;
  saveOomKills(service: string, kills: readonly OomKill[]): Promise<void>;
  /** Every record that is kept, oldest start first. Unreadable ones are left out. */
  list(service: string): Promise<InstanceRecord[]>;
  /** OOM kills since `sinceSeconds` (epoch), by time. */
  listOomKills(service: string, sinceSeconds: number): Promise<OomKill[]>;
  /** Forgets what ended more than `keepSeconds` before `nowSeconds`, and the oldest above the bounds. */
  prune(service: string, nowSeconds: number): Promise<void>;
}

export function createInstanceStore({
  redis,
  prefix,
  keepSeconds,
}: {
  redis: Redis;
  prefix: string;
  keepSeconds: number;
}): InstanceStore {
  async function list(service: string): Promise<InstanceRecord[]> {
    const stored = await redis.hvals(instancesKey(prefix, service));
    return stored.flatMap((text) => parseJson(InstanceRecord, text)).sort((a, b) => a.startedAt - b.startedAt);
  }

  return {
    list,
    async save(service, records) {
      if (records.length === 0) return;
      const key = instancesKey(prefix, service);
      await redis.hset(key, new Map(records.map((record) => [record.instance, JSON.stringify(record)])));
    },
    async saveOomKills(service, kills) {
      if (kills.length === 0) return;
      const key = oomKillsKey(prefix, service);
      await redis.zadd(key, ...kills.flatMap((kill) => [kill.at, JSON.stringify(kill)]));
    },
    async listOomKills(service, sinceSeconds) {
      const stored = await redis.zrangebyscore(oomKillsKey(prefix, service), sinceSeconds, '+inf');
      return stored.flatMap((text) => parseJson(OomKill, text));
    },
    async prune(service, nowSeconds) {
      const gone = outdated(await list(service), nowSeconds - keepSeconds);
      const pipeline = redis.pipeline();
      for (const { instance } of gone) pipeline.hdel(instancesKey(prefix, service), instance);
      pipeline.zremrangebyscore(oomKillsKey(prefix, service), '-inf', nowSeconds - keepSeconds);
      pipeline.zremrangebyrank(oomKillsKey(prefix, service), 0, -MAX_OOM_KILLS - 1);
      // A service that left the configuration leaves Redis too.
      pipeline.expire(instancesKey(prefix, service), keepSeconds + DAY_SECONDS);
      pipeline.expire(oomKillsKey(prefix, service), keepSeconds + DAY_SECONDS);
      await pipeline.exec();
    },
  };
}

function outdated(records: readonly InstanceRecord[], oldest: number): InstanceRecord[] {
  const ended = records.filter(({ endedAt }) => endedAt !== null);
  const surplus = Math.max(0, records.length - MAX_RECORDS);
  const byEnd = ended.sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0));
  return byEnd.filter(({ endedAt }, index) => index < surplus || (endedAt ?? 0) < oldest);
}

/** One value, or none when it is not JSON of this shape: a record of a newer version, or damaged. */
export function parseJson<T>(schema: z.ZodType<T>, text: string): T[] {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
