import type { Redis } from 'ioredis';
import type { HostRoom, InstanceMemory, ServiceMemory } from '../../analysis/memory.ts';
import { tightestLimit } from '../../analysis/seen.ts';
import { type Failure, failed, inconclusive, messageOf, type Outcome, ok } from '../../errors.ts';
import type { MemorySource } from '../../triage/ports.ts';
import { formatDuration } from '../../units.ts';
import { toDeploys } from './collector-lives.ts';
import { readCollectorStats } from './collector-stats.ts';
import { HEARTBEAT_TTL_SECONDS, isSiteAlive } from './heartbeat.ts';
import { createInstanceStore, type InstanceRecord, MAX_RECORDS } from './instance-store.ts';
import { createSampleStore } from './sample-store.ts';
import { withDeadline } from './with-deadline.ts';

export type CollectedService = { site: string; limitBytes: number | null };

/** Ended instances that are read, newest first: workers recycled every minute must not make one triage read 2,000 series. */
const READ_ENDED = 200;
/** A dead collector's samples still tell the present when they are not older than the guards of a rollback ask. */
const FRESH_SECONDS = 300;
const DEADLINE_MS = 10_000;

/**
 * The collector's own records as the series of a service. Failures name what is missing: Redis, a collector of the
 * site, an instance, or samples in the window.
 */
export function collectorMemory({
  redis,
  prefix,
  keepSeconds,
  services,
  isHistory = false,
  now = Date.now,
}: {
  redis: Redis;
  prefix: string;
  keepSeconds: number;
  services: ReadonlyMap<string, CollectedService>;
  /** Reads every record there is, and asks for no collector that is alive: for what was, not for what is. */
  isHistory?: boolean;
  now?: () => number;
}): MemorySource {
  const samples = createSampleStore({ redis, prefix, keepSeconds });
  const instances = createInstanceStore({ redis, prefix, keepSeconds });

  async function read(service: string, configured: CollectedService, sinceSeconds: number) {
    const nowSeconds = now() / 1000;
    const since = nowSeconds - Math.min(sinceSeconds, keepSeconds);
    const [isAlive, records, kills, stats] = await Promise.all([
      isSiteAlive(redis, prefix, configured.site),
      instances.list(service),
      instances.listOomKills(service, since),
      isHistory ? [] : readCollectorStats(redis, prefix, configured.site),
    ]);
    const wanted = inWindow(records, since, isHistory ? MAX_RECORDS : READ_ENDED);
    const names = wanted.map(({ instance }) => instance);
    const series = await samples.readMany(service, names, since * 1000, now());
    const lives = wanted.map((record) => toInstanceMemory(record, series.get(record.instance) ?? []));
    const missing = whatIsMissing({
      service,
      site: configured.site,
      isAlive: isAlive || isHistory,
      records,
      lives,
      sinceSeconds,
      nowSeconds,
    });
    if (missing !== null) return missing;
    return ok<ServiceMemory>({
      source: 'collector',
      instances: lives,
      limitBytes: configured.limitBytes ?? tightestLimit(lives, nowSeconds),
      oomKillsAt: kills.map(({ at }) => at),
      ...(isHistory ? {} : { looked: toLooked(wanted, stats, nowSeconds) }),
      hosts: toHosts(service, stats),
      deploys: toDeploys(records),
    });
  }

  return {
    async readMemory(service, sinceSeconds, signal): Promise<Outcome<ServiceMemory>> {
      const configured = services.get(service);
      if (configured === undefined) {
        return failed('user', `no service is called ${service}`, 'Look at the names in `services` of memtriage.yaml');
      }
      try {
        return await withDeadline(read(service, configured, sinceSeconds), DEADLINE_MS, signal);
      } catch (error) {
        signal.throwIfAborted();
        return failed('upstream', `Redis did not answer: ${messageOf(error)}`, 'Check REDIS_URL and that Redis runs');
      }
    },
  };
}

/** Of all hosts of the instances: the shortest stretch counts. A host whose collector died is looked at by nobody. */
function toLooked(
  records: readonly InstanceRecord[],
  stats: Awaited<ReturnType<typeof readCollectorStats>>,
  nowSeconds: number,
): { from: number; to: number } | null {
  const hosts = [...new Set(records.map(({ host }) => host))];
  const stretches = hosts.flatMap((name) => {
    const told = stats.find(({ host }) => host === name);
    if (told?.lookedForSeconds == null) return [];
    const to = nowSeconds - told.ageSeconds;
    return { from: to - told.lookedForSeconds, to };
  });
  if (hosts.length === 0 || stretches.length < hosts.length) return null;
  return { from: Math.max(...stretches.map(({ from }) => from)), to: Math.min(...stretches.map(({ to }) => to)) };
}

function toHosts(service: string, stats: Awaited<ReturnType<typeof readCollectorStats>>): HostRoom[] {
  return stats.flatMap(({ host, rooms, ageSeconds }) => {
    const room = rooms?.services.find((one) => one.service === service);
    if (rooms == null || room === undefined) return [];
    const { instances, limits, roomBytes } = room;
    const { totalBytes } = rooms;
    return [{ host, instances, limits, roomBytes, totalBytes, ageSeconds: ageSeconds + rooms.ageSeconds }];
  });
}

function inWindow(records: readonly InstanceRecord[], since: number, mostEnded: number): InstanceRecord[] {
  const overlapping = records.filter(({ endedAt }) => endedAt === null || endedAt >= since);
  const ended = overlapping.filter(({ endedAt }) => endedAt !== null).slice(-mostEnded);
  const live = overlapping.filter(({ endedAt }) => endedAt === null);
  return [...ended, ...live].sort((a, b) => a.startedAt - b.startedAt);
}

function toInstanceMemory(
  record: InstanceRecord,
  samples: readonly { atMs: number; rssBytes: number }[],
): InstanceMemory {
  const { instance, release, startedAt, endedAt, endReason, limitBytes } = record;
  return {
    instance,
    release,
    startedAt,
    endedAt,
    endReason,
    limitBytes,
    samples: samples.map(({ atMs, rssBytes }) => [atMs / 1000, rssBytes]),
  };
}

type Found = {
  service: string;
  site: string;
  isAlive: boolean;
  records: readonly InstanceRecord[];
  lives: readonly InstanceMemory[];
  sinceSeconds: number;
  nowSeconds: number;
};

function whatIsMissing(found: Found): Failure | null {
  const { service, site, isAlive, records, lives, sinceSeconds, nowSeconds } = found;
  const newest = Math.max(...lives.map(({ samples }) => samples.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY));
  const ageSeconds = nowSeconds - newest;
  if (!isAlive && !(ageSeconds <= FRESH_SECONDS)) {
    const last = Number.isFinite(newest) ? `; its newest sample is ${formatDuration(ageSeconds)} old` : '';
    return inconclusive(
      'operator',
      `no collector reported for site ${site} in the last ${HEARTBEAT_TTL_SECONDS} s${last}`,
      `Start \`memtriage collector --site ${site}\` on the host of ${service}`,
    );
  }
  if (records.length === 0) return noInstance(service);
  if (Number.isFinite(newest)) return null;
  return inconclusive(
    'operator',
    `the collector recorded no sample of ${service} in the last ${formatDuration(sinceSeconds)}`,
    'Wait for the next sample, look further back with `--since`, or read the log of the collector',
  );
}

function noInstance(service: string): Failure {
  return inconclusive(
    'operator',
    `the collector has seen no instance of ${service}`,
    'Start the service with PYTHONPATH=$(memtriage probe-path) and MEMTRIAGE_SOCKET_DIR set to its `sockets` directory',
  );
}
