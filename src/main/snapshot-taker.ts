import type { Redis } from 'ioredis';
import { createSnapshotTaker } from '../adapters/bullmq/snapshot-queue-taker.ts';
import { isSiteAlive } from '../adapters/redis/heartbeat.ts';
import { createLooksSoFar } from '../adapters/redis/looks-so-far.ts';

/** Looks by the collectors of all sites. `deadlineSeconds`: of one look. */
export function openSnapshotTaker(redis: Redis, prefix: string, deadlineSeconds?: number) {
  return createSnapshotTaker({
    connection: redis,
    prefix,
    isSiteAlive: (site) => isSiteAlive(redis, prefix, site),
    soFar: createLooksSoFar(redis, prefix),
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
  });
}
