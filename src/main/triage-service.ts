import { setTimeout as wait } from 'node:timers/promises';
import { createSnapshotTaker } from '../adapters/bullmq/snapshot-queue-taker.ts';
import { createBaselineStore } from '../adapters/redis/baseline-store.ts';
import { isSiteAlive } from '../adapters/redis/heartbeat.ts';
import { createIncidentBook, type RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { Service } from '../config/config.ts';
import { CommandError, EXIT_UNAVAILABLE } from '../errors.ts';
import type { TriageRequest } from '../incident/incident.ts';
import { Report } from '../report/report.ts';
import type { Ports } from '../triage/ports.ts';
import { runCollector } from './collector.ts';
import { collectorOptions } from './collector-command.ts';
import { loadRunbooks } from './load-runbooks.ts';
import { progressOnTerminal } from './progress-on-terminal.ts';
import { runTriage } from './run-triage.ts';
import type { TriageArguments } from './triage-arguments.ts';
import { openWorld, type World } from './world.ts';

const POLL_MS = 200;
/** A collector that we start ourselves has read every process by then. */
const COLLECTOR_START_MS = 10_000;
/** Longer than any triage takes: every step has its own deadline. */
const OTHER_TRIAGE_MS = 240_000;

/** One triage of a configured service from the command line. Reaches the target itself when no collector runs. */
export async function triageService(name: string, asked: TriageArguments, signal: AbortSignal): Promise<Report> {
  const world = await openWorld(signal);
  try {
    const service = world.requireService(name);
    await ensureCollector(world, service);
    await watchFirst(world, name, asked);
    return await triageOnce(world, service, asked);
  } finally {
    await world.closers.closeAll();
  }
}

/** With no collector of the site alive, this process is one for as long as the command runs. */
async function ensureCollector(world: World, { site, sockets }: Service): Promise<void> {
  const redis = world.redis.command();
  if (sockets === null || (await isSiteAlive(redis, world.redis.prefix, site))) return;
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

async function triageOnce(world: World, service: Service, asked: TriageArguments): Promise<Report> {
  const { config, logger, redis, signal, closers } = world;
  const connection = redis.command();
  const incidents = createIncidentBook(connection, redis.prefix, Date.now);
  const snapshots = createSnapshotTaker({
    connection,
    prefix: redis.prefix,
    isSiteAlive: (site) => isSiteAlive(connection, redis.prefix, site),
  });
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
  // A bot triages the service at this moment: its report is the answer, a second look would only cost the process more.
  if (joined) return await reportOfOther(incident.id, incidents, signal);
  return await runTriage(incident, request, {
    config,
    runbooks: await loadRunbooks(config.runbooks),
    ports,
    logger,
    signal,
  });
}

async function reportOfOther(id: string, incidents: RedisIncidentBook, signal: AbortSignal): Promise<Report> {
  const end = Date.now() + OTHER_TRIAGE_MS;
  while (Date.now() < end) {
    const json = await incidents.reportJson(id);
    if (json !== null) return Report.parse(JSON.parse(json));
    await wait(POLL_MS, undefined, { signal });
  }
  throw new CommandError(
    EXIT_UNAVAILABLE,
    `${id} is being triaged, but its report does not come`,
    'Is a bot running? Try again.',
  );
}
