import type { Redis } from 'ioredis';
import { Deploy } from '../../alert/deploy.ts';
import { parseJson } from './instance-store.ts';
import { deploysKey } from './keys.ts';

/** Newest deploys of a service that are kept, and for how long: a verdict never looks back further. */
export const MAX_DEPLOYS = 500;
const KEEP_SECONDS = 90 * 86_400;

export interface DeployBook {
  /** Safe to repeat: the same deploy is stored once. */
  save(deploy: Deploy): Promise<void>;
  /** Since `sinceSeconds` (epoch), by time. */
  list(service: string, sinceSeconds: number): Promise<Deploy[]>;
}

/** What the deploy pipelines told: one sorted set a service, by time. */
export function createDeployBook(redis: Redis, prefix: string): DeployBook {
  return {
    async save(deploy) {
      const key = deploysKey(prefix, deploy.service);
      await redis
        .multi()
        .zadd(key, Date.parse(deploy.at) / 1000, JSON.stringify(deploy))
        .zremrangebyrank(key, 0, -MAX_DEPLOYS - 1)
        .expire(key, KEEP_SECONDS)
        .exec();
    },
    async list(service, sinceSeconds) {
      const stored = await redis.zrangebyscore(deploysKey(prefix, service), sinceSeconds, '+inf');
      return stored.flatMap((text) => parseJson(Deploy, text));
    },
  };
}
