import type { Redis } from 'ioredis';
import { z } from 'zod';
import { ClusterRooms, nodesOfService, type ServiceNodes } from '../../analysis/node-room.ts';
import { HEARTBEAT_TTL_SECONDS } from './heartbeat.ts';
import { parseJson } from './instance-store.ts';
import { collectorStatsKey } from './keys.ts';

/** What a collector tells of itself with each heartbeat. Sizes in bytes. */
export const CollectorStats = z.object({
  schema: z.literal(1),
  /** Since samples were last stored; null: none yet. */
  lagSeconds: z.number().nullable(),
  /** For so long it has sampled its host without a break; null or absent: not known. */
  lookedForSeconds: z.number().nullable().optional(),
  processes: z.number(),
  /** Samples lost since its start. */
  droppedSamples: z.number(),
  residentBytes: z.number(),
  /** Memory of its machine that services there could still be given; null or absent: not known. */
  rooms: z
    .object({
      ageSeconds: z.number(),
      totalBytes: z.number(),
      services: z.array(
        z.object({ service: z.string(), instances: z.number(), limits: z.number(), roomBytes: z.number() }),
      ),
    })
    .nullable()
    .optional(),
  /** Of nodes of Kubernetes; null or absent: this collector reads none. */
  clusterRooms: ClusterRooms.extend({ ageSeconds: z.number() }).nullable().optional(),
});
export type CollectorStats = z.infer<typeof CollectorStats>;

/** KEYS: hash of the site. ARGV: host, stats, keep seconds. The moment is Redis' own: hosts differ in their clocks. */
const SAVE = `
redis.call('HSET', KEYS[1], ARGV[1], redis.call('TIME')[1] .. ' ' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1`;

export async function saveCollectorStats(
  redis: Redis,
  prefix: string,
  { site, host }: { site: string; host: string },
  stats: CollectorStats,
): Promise<void> {
  const key = collectorStatsKey(prefix, site);
  await redis.eval(SAVE, 1, key, host, JSON.stringify(stats), HEARTBEAT_TTL_SECONDS);
}

/** Of every collector of the site that lives; `ageSeconds`: since it told so. */
export async function readCollectorStats(
  redis: Redis,
  prefix: string,
  site: string,
): Promise<(CollectorStats & { host: string; ageSeconds: number })[]> {
  const [stored, [seconds]] = await Promise.all([redis.hgetall(collectorStatsKey(prefix, site)), redis.time()]);
  return Object.entries(stored).flatMap(([host, text]) => {
    const [at = '', ...json] = text.split(' ');
    const ageSeconds = Math.max(0, Number(seconds) - Number(at));
    if (ageSeconds > HEARTBEAT_TTL_SECONDS) return [];
    return parseJson(CollectorStats, json.join(' ')).map((stats) => ({ ...stats, host, ageSeconds }));
  });
}

/** Of the collector of the site that reads them; null: none does, or knows of the service. */
export async function readServiceNodes(
  redis: Redis,
  prefix: string,
  site: string,
  service: string,
): Promise<ServiceNodes | null> {
  const told = await readCollectorStats(redis, prefix, site);
  const found = told.flatMap(({ clusterRooms, ageSeconds }) =>
    clusterRooms == null ? [] : (nodesOfService(clusterRooms, service, clusterRooms.ageSeconds + ageSeconds) ?? []),
  );
  return found.toSorted((a, b) => a.ageSeconds - b.ageSeconds)[0] ?? null;
}
