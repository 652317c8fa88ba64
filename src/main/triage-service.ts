import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { Redis } from 'ioredis';

import { createBaselineStore } from '../adapters/redis/baseline-store.ts';
import { endBeating, isSiteAlive, whoServes } from '../adapters/redis/heartbeat.ts';
import { createIncidentBook, type RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import { hasEnded } from '../collector/collector-identity.ts';
import type { Service } from '../config/config.ts';
import { runTriage } from '../desks/run-triage.ts';
import type { TriageRequest } from '../incident/incident.ts';
import type { Report } from '../report/report.ts';
import type { Runbook } from '../runbook/runbook.ts';
import type { IncidentBook, Ports } from '../triage/ports.ts';
import { runCollector } from './collector.ts';
import { collectorOptions } from './collector-command.ts';
import { loadRunbooks } from './load-runbooks.ts';
import { progressOnTerminal } from './progress-on-terminal.ts';
import { openSnapshotTaker } from './snapshot-taker.ts';
import type { TriageArguments } from './triage-arguments.ts';
import { openWorld, type World } from './world.ts';

const POLL_MS = 200;
/** A collector that we start ourselves has read every process by then. */
const COLLECTOR_START_MS = 10_000;

/** One triage of a configured service from the command line. Reaches the target itself when no collector runs. */
export async function triageService(name: string, asked: TriageArguments, signal: AbortSignal): Promise<Report> {
  const world = await openWorld(signal);
  try {
    const service = world.requireService(name);
    // Before the wait for samples: whoever wrote a wrong line should hear of it at once.
    const runbooks = await loadRunbooks(world.config.runbooks);
    await ensureCollector(world, service);
    await watchFirst(world, name, asked);
    return await triageOnce(world, service, asked, runbooks);
  } finally {
    await world.closers.closeAll();
  }
}

/** With no collector of the site alive, this process is one for as long as the command runs. */
async function ensureCollector(world: World, { site, sockets }: Service): Promise<void> {
  const redis = world.redis.command();
  if (sockets === null || (await isServed(redis, world.redis.prefix, site))) return;
  const stop = new AbortController();
  const options = collectorOptions(world, site);
  const running = runCollector({ ...options, signal: AbortSignal.any([world.signal, stop.signal]) });
  running.catch(() => {});
  world.closers.add('collector', async () => {
    stop.abort();
    await running;
  });
  const end = Date.now() + COLLECTOR_START_MS;
  while (!(await isSiteAlive(redis, world.redis.prefix, site)) && Date.now() < end) {
    await Promise.race([wait(POLL_MS, undefined, { signal: world.signal }), running]);
  }
}

/** Marks of a collector of this machine that was killed are taken away: they would be waited for, for a minute. */
async function isServed(redis: Redis, prefix: string, site: string): Promise<boolean> {
  const who = await whoServes(redis, prefix, site);
  if (who === null) return false;
  const host = hostname();
  if (!hasEnded(who, host)) return true;
  await endBeating(redis, prefix, { site, host }, who);
  return false;
}

/** Waits until the samples of the running instances span the asked time. */
async function watchFirst(
  { memory, config, signal }: World,
  name: string,
  { watchSeconds }: TriageArguments,
): Promise<void> {
  // At least the first samples: without any there is nothing to triage.
  const wanted = Math.max(watchSeconds, 2 * config.sampling.everySeconds);
  const end = Date.now() + wanted * 1000;
  while (Date.now() < end) {
    const answer = await memory.readMemory(name, wanted, signal);
    const spans = answer.outcome === 'ok' ? answer.value.instances.map(({ samples }) => spanOf(samples)) : [];
    if (Math.max(0, ...spans) >= wanted * 0.9) return;
    await wait(POLL_MS, undefined, { signal });
  }
}

function spanOf(samples: readonly (readonly [number, number])[]): number {
  return (samples.at(-1)?.[0] ?? 0) - (samples[0]?.[0] ?? 0);
}

async function triageOnce(
  world: World,
  service: Service,
  asked: TriageArguments,
  runbooks: readonly Runbook[],
): Promise<Report> {
  const { config, logger, redis, signal, closers } = world;
  const connection = redis.command();
  const incidents = createIncidentBook(connection, redis.prefix, Date.now);
  const snapshots = openSnapshotTaker(connection, redis.prefix);
  closers.add('snapshot queues', snapshots.close);
  const ports: Ports = {
    now: Date.now,
    incidents,
    memory: world.memory,
    baselines: createBaselineStore({ redis: connection, prefix: redis.prefix }),
    snapshots,
    queries: world.prometheus,
    thread: progressOnTerminal(process.stderr),
  };
  const request: TriageRequest = {
    service: service.name,
    symptom: 'asked',
    openedBy: 'command line',
    channelId: null,
    sinceSeconds: asked.sinceSeconds,
    takeSnapshot: asked.takeSnapshot,
  };
  const { incident, joined } = await incidents.openOrJoin(request, service.site);
  // The one under way may be a bot's, or of a command that was killed. Either way its saved steps are not repeated and
  // its look is shared, so that going along costs the process nothing and waits for nobody.
  const walked = joined ? ((await incidents.request(incident.id)) ?? request) : request;
  return await runTriage(incident, walked, {
    config,
    runbooks,
    ports: incident.channelId === null ? ports : { ...ports, incidents: leavingTheEnd(incidents) },
    logger,
    signal,
  });
}

/** The end of a triage that has a thread belongs to the bot, which publishes before it ends. */
function leavingTheEnd(incidents: RedisIncidentBook): IncidentBook {
  return { ...incidents, saveReport: async () => await Promise.resolve() };
}
