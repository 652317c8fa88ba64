/** The role `collector`: samples the processes of its site and looks into them for the bot. */
import { hostname } from 'node:os';
import type { ConnectionOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { FoundCensus } from '../adapters/redis/baseline-store.ts';
import { saveCollectorStats } from '../adapters/redis/collector-stats.ts';
import { beat, claimSampling, endBeating, HEARTBEAT_TTL_SECONDS } from '../adapters/redis/heartbeat.ts';
import { createInstanceStore } from '../adapters/redis/instance-store.ts';
import { createSampleStore } from '../adapters/redis/sample-store.ts';
import { withDeadline } from '../adapters/redis/with-deadline.ts';
import type { HealthyCensus } from '../analysis/sibling-diff.ts';
import type { Snapshot } from '../analysis/snapshot.ts';
import type { Target } from '../collector/choose-target.ts';
import { hasEnded, nameCollector } from '../collector/collector-identity.ts';
import { createHostRooms, type HostRooms } from '../collector/host-rooms.ts';
import { createIdentifier, type Ping } from '../collector/identify.ts';
import type { SampledService } from '../collector/instance-table.ts';
import type { NodeRooms, NodeSearches } from '../collector/node-rooms.ts';
import { createObserver, type Observer } from '../collector/observer.ts';
import { type AnnounceChildKill, type AnnounceKills, createRecorder } from '../collector/recorder.ts';
import { createSampling, type Sampling } from '../collector/sampling.ts';
import { createTellOnce, type TellOnce } from '../collector/tell-once.ts';
import { everyTick } from '../collector/ticker.ts';
import { messageOf, type Outcome } from '../errors.ts';
import { openLastGasp } from './last-gasp.ts';
import { openLookJobs } from './look-jobs.ts';
import { openNodeRooms } from './node-rooms.ts';

/** Four of them make the time after which the bot says that no collector is there. */
const BEAT_SECONDS = HEARTBEAT_TTL_SECONDS / 4;
/** Last words to Redis: it may be what is down. */
const LAST_WRITE_MS = 2000;

export type CollectorOptions = {
  site: string;
  /** Services of the site that have a socket directory. */
  services: readonly (SampledService & LookSettings)[];
  everySeconds: number;
  keepSeconds: number;
  /** For the stores. Need not be ready yet, and may be lost and come back. */
  redis: Redis;
  /** For BullMQ's worker: `maxRetriesPerRequest: null`. */
  queueConnection: ConnectionOptions;
  prefix: string;
  probe: {
    ping: Ping;
    lookTwice: (target: Target, options: LookOptions) => Promise<Outcome<Snapshot>>;
    /** T1 once, without tracing and without a fork. */
    takeCensus: (target: Target, signal: AbortSignal) => Promise<Outcome<FoundCensus>>;
  };
  /** Services whose processes are not on this machine: looks only, their samples come from elsewhere. */
  far?: ReadonlyMap<string, (context: FarLookContext) => Promise<Outcome<Snapshot>>>;
  /** Services whose pods' nodes are read for room; absent: none. */
  nodeRooms?: NodeSearches;
  /** Where OOM kills open their incident; absent: nobody is told. */
  announceKills?: AnnounceKills;
  announceChildKill?: AnnounceChildKill;
  logger: Logger;
  signal: AbortSignal;
  /** Epoch milliseconds. */
  now?: () => number;
  /** Names the machine in the records: instances of another host are never declared ended here. */
  host?: string;
};

type LookSettings = {
  /** Between the two looks of a snapshot. */
  windowSeconds: number;
  /** May a process that carries no probe be attached to. */
  attach: boolean;
  /** May a forked child of the process read its whole heap. */
  fork: boolean;
  /** Is a process looked into when it comes near its limit. */
  nearLimit?: boolean;
  /** Configured, of one instance; null or absent: the cgroup's only. */
  limitBytes?: number | null;
};

export type LookOptions = {
  windowSeconds: number;
  /** Where the socket of a probe goes that has to be attached first; null: it may not. */
  attachIn: string | null;
  fork: boolean;
  /** A process of the same service to compare with; null: there is none. */
  sibling: Target | null;
  /** The baseline's census, for when no sibling can be compared with. */
  healthy?: HealthyCensus | null;
  /** Stores what was seen so far, before the next rung begins. */
  keep?: (partial: Snapshot) => Promise<void>;
  signal: AbortSignal;
};

export type FarLookContext = Pick<LookOptions, 'keep' | 'signal'>;

/** Runs until the signal aborts; then writes what waits, answers the looks under way and closes what it opened. */
export async function runCollector(options: CollectorOptions): Promise<void> {
  const { redis, site, services, logger, signal, everySeconds, host = hostname() } = options;
  const who = nameCollector(host);
  const { sampling, observer, tellOnce } = openSampling(options, { who, host });
  const lastGasp = openLastGasp(options);
  const worker = openLookJobs(options, { sampling, observer, tellOnce }, lastGasp);
  const tick = () => {
    sampling.tick();
    // One that stands by leaves it to the one that samples.
    if (sampling.state().lagSeconds !== null) lastGasp.consider(observer.live());
  };
  const rooms = createHostRooms(observer.live, options.now ?? Date.now);
  const nodeRooms = openNodeRooms(options, { who, host, tellOnce, onLooked: () => report() });
  const report = () => void beatIfOnline(options, { who, host }, { sampling, rooms, nodeRooms });
  const onReady = () => {
    report();
    // How it goes is known once something was written.
    void sampling.flush().then(report);
  };
  redis.on('ready', onReady);
  // A lazy client would wait for a first command, and we wait for it to be ready.
  if (redis.status === 'wait') redis.connect().catch(() => {});
  if (redis.status === 'ready') onReady();
  logger.info({ site, host, services: services.map(({ name }) => name) }, 'collector started');
  try {
    await Promise.all([everyTick(everySeconds, tick, signal), everyTick(BEAT_SECONDS, report, signal)]);
  } finally {
    redis.off('ready', onReady);
    await Promise.all([worker.close(), lastGasp.settled(), nodeRooms.settled()]);
    await withDeadline(sayGoodbye(options, sampling, { host, who }), LAST_WRITE_MS).catch((error) =>
      logger.warn({ why: messageOf(error) }, 'the last samples were not written'),
    );
    logger.info({ site }, 'collector ended');
  }
}

export type Opened = { sampling: Sampling; observer: Observer; tellOnce: TellOnce };
type Identity = { who: string; host: string };

function openSampling(options: CollectorOptions, { who, host }: Identity): Opened {
  const { redis, prefix, site, keepSeconds, everySeconds, services, logger, signal, now = Date.now } = options;
  const stores = {
    samples: createSampleStore({ redis, prefix, keepSeconds }),
    instances: createInstanceStore({ redis, prefix, keepSeconds }),
  };
  const observer = createObserver(services);
  const tellOnce = createTellOnce(logger);
  // Longer than the way from one tick to the next, whatever the interval.
  const ttlSeconds = Math.ceil(Math.max(HEARTBEAT_TTL_SECONDS, 3 * everySeconds));
  const sampling = createSampling({
    observer,
    recorder: createRecorder({
      host,
      announceKills: options.announceKills,
      announceChildKill: options.announceChildKill,
      ...stores,
    }),
    identifier: createIdentifier(options.probe.ping),
    stores,
    host,
    isOnline: () => redis.status === 'ready',
    claim: () =>
      claimSampling(redis, prefix, { site, host }, { who, ttlSeconds, hasEnded: (owner) => hasEnded(owner, host) }),
    now,
    logger,
    tellOnce,
    signal,
  });
  return { sampling, observer, tellOnce };
}

async function beatIfOnline(
  { redis, prefix, site }: CollectorOptions,
  { who, host }: Identity,
  { sampling, rooms, nodeRooms }: { sampling: Sampling; rooms: () => HostRooms; nodeRooms: NodeRooms },
): Promise<void> {
  if (redis.status !== 'ready') return;
  const state = sampling.state();
  const stats = {
    schema: 1 as const,
    ...state,
    residentBytes: process.memoryUsage.rss(),
    rooms: rooms(),
    clusterRooms: nodeRooms.current(),
  };
  // A heartbeat that fails is told by the samples that fail with it.
  await beat(redis, prefix, site, who).catch(() => {});
  // One that stands by would hide the one that samples.
  if (state.lagSeconds !== null) await saveCollectorStats(redis, prefix, { site, host }, stats).catch(() => {});
}

async function sayGoodbye(
  { redis, prefix, site }: CollectorOptions,
  sampling: Sampling,
  { host, who }: Identity,
): Promise<void> {
  await sampling.settled();
  await sampling.flush();
  if (redis.status === 'ready') await endBeating(redis, prefix, { site, host }, who);
}
