import type { Logger } from 'pino';
import { readMemoryLimit } from '../adapters/procfs/cgroup.ts';
import type { InstanceStore } from '../adapters/redis/instance-store.ts';
import type { SampleStore } from '../adapters/redis/sample-store.ts';
import { failed, messageOf } from '../errors.ts';
import type { Identifier } from './identify.ts';
import { takeUpKnown } from './known-instances.ts';
import type { Observation, Observer } from './observer.ts';
import type { Recorder } from './recorder.ts';
import type { TellOnce } from './tell-once.ts';

/** How often limits are read again, and old records forgotten. */
const LIMITS_EVERY_MS = 60_000;
const PRUNE_EVERY_MS = 3_600_000;

export type SamplingParts = {
  observer: Observer;
  recorder: Recorder;
  identifier: Identifier;
  stores: { instances: InstanceStore; samples: SampleStore };
  host: string;
  /** False while Redis is away: ioredis would queue commands without bound. */
  isOnline: () => boolean;
  /** True when this collector is the one that samples the host. */
  claim: () => Promise<boolean>;
  now: () => number;
  logger: Logger;
  tellOnce: TellOnce;
  signal: AbortSignal;
};

export interface Sampling {
  /** Reads all processes and hands births and ends to the recorder; adds no samples. */
  lookAround(): Observation;
  /** Takes one sample of every process. What follows (Redis, the probes of new processes) goes on behind it. */
  tick(): void;
  /** Writes what waits, when Redis is there; at most one at a time. Never rejects. */
  flush(): Promise<void>;
  /**
   * How it goes. `lagSeconds`: since samples were last written, `lookedForSeconds`: since they first were; null: none
   * were, as while it stands by.
   */
  state(): {
    lagSeconds: number | null;
    lookedForSeconds: number | null;
    processes: number;
    droppedSamples: number;
  };
  /** Resolves when what goes on behind the ticks has ended. */
  settled(): Promise<void>;
}

/** What the collector does at each tick: look, record, write, ask the probes of new processes. */
export function createSampling(parts: SamplingParts): Sampling {
  const { observer, recorder, identifier, now, tellOnce, signal } = parts;
  const writer = createWriter(parts);
  let limitsReadMs = Number.NEGATIVE_INFINITY;
  let identifying: Promise<void> = Promise.resolve();

  function lookAround(): Observation {
    const seen = observer.observe(now());
    for (const instance of [...seen.born, ...seen.ended]) recorder.addInstance(instance);
    for (const kill of seen.childKills) recorder.addChildKill(kill);
    tell(parts, seen);
    return seen;
  }

  async function identify(seen: Observation): Promise<void> {
    const known = await identifier.identify(seen.live, seen.atMs, signal);
    const changed = known.length > 0 ? [...known, ...observer.reclassify()] : [];
    for (const instance of changed) recorder.addInstance(instance);
  }

  function refreshLimits({ atMs, live }: Observation): void {
    if (Math.abs(atMs - limitsReadMs) < LIMITS_EVERY_MS) return;
    limitsReadMs = atMs;
    for (const instance of live) {
      const limitBytes = instance.cgroup === null ? null : readMemoryLimit(instance.cgroup);
      if (limitBytes === instance.limitBytes) continue;
      instance.limitBytes = limitBytes;
      recorder.addInstance(instance);
    }
  }

  return {
    lookAround,
    tick() {
      const seen = lookAround();
      recorder.addSamples(seen.atMs, seen.live);
      refreshLimits(seen);
      identifying = Promise.all([identifying, identify(seen)]).then(
        () => {},
        (error) => tellOnce('probes', failed('us', messageOf(error), 'Please report it')),
      );
      void writer.flush();
    },
    flush: writer.flush,
    state: () => ({
      ...writer.since(),
      processes: [...observer.tables.values()].reduce((sum, table) => sum + table.live().length, 0),
      droppedSamples: recorder.dropped(),
    }),
    settled: async () => void (await Promise.all([identifying, writer.settled()])),
  };
}

/** One flush at a time: while Redis hangs, samples gather in the recorder, which is bounded. */
function createWriter({ observer, recorder, stores, host, isOnline, claim, now, tellOnce }: SamplingParts) {
  let running: Promise<void> | null = null;
  let hasTakenUp = false;
  let prunedMs = Number.NEGATIVE_INFINITY;
  let written: { firstMs: number; lastMs: number } | null = null;

  async function takeUp(): Promise<void> {
    for (const table of observer.tables.values()) {
      const ended = await takeUpKnown(table, stores, { host, nowMs: now() });
      await stores.instances.save(table.service, ended);
      for (const instance of table.live()) recorder.addInstance(instance);
    }
    hasTakenUp = true;
  }

  async function write(): Promise<void> {
    if (!(await claim())) {
      recorder.discard();
      // When we take over later, we start from what the other one has written by then.
      hasTakenUp = false;
      written = null;
      tellOnce('sampling', standsBy(host));
      return;
    }
    if (!hasTakenUp) await takeUp();
    await recorder.flush();
    written = { firstMs: written?.firstMs ?? now(), lastMs: now() };
    if (Math.abs(now() - prunedMs) >= PRUNE_EVERY_MS) {
      for (const service of observer.tables.keys()) await stores.instances.prune(service, now() / 1000);
      prunedMs = now();
    }
    tellOnce('sampling', null);
  }

  async function flush(): Promise<void> {
    if (!isOnline()) return tellOnce('sampling', offline('the connection is lost', recorder.dropped()));
    running ??= write()
      .catch((error) => tellOnce('sampling', offline(messageOf(error), recorder.dropped())))
      .finally(() => {
        running = null;
      });
    await running;
  }

  return {
    flush,
    settled: async () => await running,
    since: () => ({
      lagSeconds: written === null ? null : Math.max(0, (now() - written.lastMs) / 1000),
      lookedForSeconds: written === null ? null : Math.max(0, (now() - written.firstMs) / 1000),
    }),
  };
}

function tell({ logger, observer, tellOnce }: SamplingParts, { born, ended, failures }: Observation): void {
  for (const { service, instance } of born) logger.info({ service, instance }, 'process found');
  for (const { service, instance, endReason } of ended) logger.info({ service, instance, endReason }, 'process ended');
  for (const service of observer.tables.keys()) tellOnce(`service ${service}`, failures.get(service) ?? null);
}

function standsBy(host: string) {
  const cure = 'Nothing to do: this one takes over when the other ends. One collector a host and site is enough';
  return failed('operator', `another collector samples ${host} for this site; this one stands by`, cure);
}

function offline(why: string, dropped: number) {
  const lost = dropped === 0 ? 'samples are kept in memory' : 'memory for waiting samples is full, the oldest are lost';
  return failed(
    'upstream',
    `samples can't be written to Redis (${why}); ${lost}`,
    'Check REDIS_URL and that Redis runs',
  );
}
