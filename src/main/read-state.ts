/** What the metrics and `status` tell of queues, outbox, sites and incidents, read when somebody asks. */
import { performance } from 'node:perf_hooks';
import type { Pulse } from '../adapters/bullmq/pulse.ts';
import type { QueueDepths } from '../adapters/bullmq/queue-depths.ts';
import type { Readings, SiteReading } from '../adapters/metrics/readings.ts';
import { readCollectorStats } from '../adapters/redis/collector-stats.ts';
import { isSiteAlive } from '../adapters/redis/heartbeat.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import { readBacklog } from '../adapters/slack/outbox-backlog.ts';
import type { World } from './world.ts';

/** Of the newest incidents. */
const STATES_COUNTED = 1000;

type Sources = { incidents: RedisIncidentBook; depths: QueueDepths; sites: readonly string[]; pulse: Pulse | null };

/** All of it; Redis that does not answer leaves everything out but the pulse. */
export async function readState(world: World, { incidents, depths, sites, pulse }: Sources): Promise<Readings> {
  const { redis, logger } = world;
  const pulseAgeSeconds = pulse?.ageSeconds() ?? null;
  try {
    const redisPingSeconds = await ping(world);
    const [queues, backlog, states, ...sitesRead] = await Promise.all([
      depths.read(),
      readBacklog(redis.command(), redis.prefix),
      incidents.countStates(STATES_COUNTED),
      ...sites.map((site) => readSite(site, world)),
    ]);
    const oldestSeconds = backlog.oldestMs === null ? null : Math.max(0, (Date.now() - backlog.oldestMs) / 1000);
    const outbox = { threads: backlog.threads, oldestSeconds };
    return { redisPingSeconds, queues, outbox, sites: sitesRead, incidents: states, pulseAgeSeconds };
  } catch (err) {
    logger.debug({ err }, 'Redis did not answer what the metrics ask');
    return { redisPingSeconds: null, queues: [], outbox: null, sites: [], incidents: {}, pulseAgeSeconds };
  }
}

async function ping({ redis }: World): Promise<number> {
  const begunAt = performance.now();
  await redis.command().ping();
  return (performance.now() - begunAt) / 1000;
}

async function readSite(site: string, { redis }: World): Promise<SiteReading> {
  const [isAlive, told] = await Promise.all([
    isSiteAlive(redis.command(), redis.prefix, site),
    readCollectorStats(redis.command(), redis.prefix, site),
  ]);
  const lags = told.flatMap(({ lagSeconds, ageSeconds }) => (lagSeconds === null ? [] : [lagSeconds + ageSeconds]));
  return {
    site,
    isAlive,
    collectors: told.length,
    lagSeconds: lags.length === 0 ? null : Math.max(...lags),
    processes: told.reduce((sum, { processes }) => sum + processes, 0),
    droppedSamples: told.reduce((sum, { droppedSamples }) => sum + droppedSamples, 0),
    residentBytes: told.length === 0 ? null : Math.max(...told.map(({ residentBytes }) => residentBytes)),
  };
}
