/** Every service looked at by itself: jobs of a scheduler in Redis, any of which any bot may take. */

import type { TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import { createWatchSchedule, startWatchWorker } from '../adapters/bullmq/watch-queue.ts';
import { closeWorker } from '../adapters/close-worker.ts';
import type { Metrics } from '../adapters/metrics/metrics.ts';
import type { BaselineStore } from '../adapters/redis/baseline-store.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import { patiently } from '../adapters/redis/patiently.ts';
import type { SilenceBook } from '../adapters/redis/silence-book.ts';
import { createWatchStateStore } from '../adapters/redis/watch-state-store.ts';
import type { CommandDesk } from '../adapters/slack/command-desk.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import { baselineWindowSeconds } from '../analysis/policy.ts';
import type { Service } from '../config/config.ts';
import { toTriagedService } from '../desks/run-triage.ts';
import { stillFires } from '../incident/alert-state.ts';
import { Report } from '../report/report.ts';
import { formatDuration } from '../units.ts';
import { watchEverySeconds } from '../watch/pace.ts';
import { type Alarm, type Watched, type WatchPorts, watchService } from '../watch/watch.ts';
import type { World } from './world.ts';

export type WatchingParts = {
  world: World;
  incidents: RedisIncidentBook;
  baselines: BaselineStore;
  queue: TriageQueue;
  outbox: Outbox;
  desk: Pick<CommandDesk, 'startTriage' | 'defaultSinceSeconds'>;
  silences: Pick<SilenceBook, 'find'>;
  metrics?: Pick<Metrics, 'observeWatchLag'>;
};

/** Keeps one scheduler a service and takes their jobs; closed with the world. */
export async function startWatching(parts: WatchingParts): Promise<void> {
  const { config, logger, redis, signal, closers } = parts.world;
  const schedule = createWatchSchedule(redis.command(), redis.prefix);
  closers.add('watch schedule', schedule.close);
  const services = [...config.services.values()].map(({ name, policy }) => ({
    name,
    everySeconds: watchEverySeconds(policy),
  }));
  await patiently(() => schedule.keep(services), logger);
  const ports = toWatchPorts(parts);
  const worker = startWatchWorker({
    connection: redis.blocking(),
    prefix: redis.prefix,
    onError: (err) => logger.warn({ err }, 'a watch failed'),
    async run(name, atMs) {
      const service = config.services.get(name);
      if (service === undefined) return;
      parts.metrics?.observeWatchLag(Math.max(0, (Date.now() - atMs) / 1000));
      try {
        tell(name, await watchService(toTriagedService(service), atMs, ports, signal), parts);
      } catch (thrown) {
        if (!(thrown instanceof Silenced)) throw thrown;
        logger.info({ service: name, until: thrown.message }, 'memory trouble of a silenced service is not told yet');
      }
    },
  });
  closers.add('watch worker', () => closeWorker(worker));
}

function tell(service: string, watched: Watched, { world: { logger } }: WatchingParts): void {
  if (watched.kind === 'not-seen') {
    logger.debug({ service, why: watched.why }, 'not looked at');
    return;
  }
  const { judged, baseline } = watched;
  logger.debug({ service, signs: judged.signs, why: judged.why }, 'looked at');
  if (baseline !== null) logger.info({ service, release: baseline.release }, 'recorded a healthy baseline');
}

/** Thrown out of a look: so what was not told is not remembered as told, and is told when the silence ended. */
class Silenced extends Error {}

async function refuseSilenced(service: string, { silences }: WatchingParts): Promise<void> {
  const silence = await silences.find(service);
  if (silence !== null) throw new Silenced(silence.until);
}

/** What `watchService` needs, from the bot's own parts. */
export function toWatchPorts(parts: WatchingParts): WatchPorts {
  const { world, incidents, baselines, queue } = parts;
  return {
    now: Date.now,
    memory: world.memory,
    baselines,
    states: createWatchStateStore({ redis: world.redis.command(), prefix: world.redis.prefix }),
    incidents: {
      async openOf(service) {
        const incident = await incidents.openOf(service);
        if (incident === null) return null;
        const { id, round, state, channelId, alerts } = incident;
        // Redis may have been lost between the incident and its job: queued already, this changes nothing.
        if (state === 'triaging') await queue.add(id, round);
        const report = state === 'triaging' ? null : await findReport(id, incidents);
        const { channel } = world.requireService(service);
        // Of what was asked elsewhere, such as in a direct message, those who are on call hear nothing.
        const hasThread = channelId !== null && (channel === null || channelId === channel);
        const fires = alerts !== undefined && stillFires(alerts, Date.now());
        return { id, verdict: report?.verdict ?? null, hasThread, stillFires: fires };
      },
      open: (service, alarm) => openIncident(world.requireService(service), alarm, parts),
      lookAgain: (id, alarm) => lookAgain(id, alarm, parts),
      async close(service, id) {
        const { policy } = world.requireService(service);
        const why = `healthy for ${formatDuration(baselineWindowSeconds(policy))}`;
        await showClosed(id, why, parts);
        await incidents.close(id);
        world.logger.info({ service, incidentId: id, why }, 'closed an incident');
      },
    },
  };
}

async function openIncident(
  { name, channel }: Service,
  { level, why, requestId }: Alarm,
  parts: WatchingParts,
): Promise<void> {
  const { world, desk } = parts;
  await refuseSilenced(name, parts);
  if (channel === null) {
    world.logger.warn({ service: name, level, why }, 'memory trouble, and no Slack channel to tell it in');
    return;
  }
  const started = await desk.startTriage({
    service: name,
    symptom: 'memory-growth',
    openedBy: 'watch',
    channelId: channel,
    sinceSeconds: desk.defaultSinceSeconds(name),
    takeSnapshot: true,
    requestId,
  });
  // The job fails, and the next look tries again: nothing was remembered.
  if (started.kind === 'not-stored') throw new Error(started.why);
  if (started.kind !== 'started') return;
  world.logger.info({ service: name, incidentId: started.incident.id, level, why }, 'opened an incident');
}

/** The thread says why first: the report that follows replaces the one above. */
async function lookAgain(id: string, { level, why, requestId }: Alarm, parts: WatchingParts): Promise<void> {
  const { world, incidents, queue, outbox } = parts;
  const known = await incidents.find(id);
  if (known === null) return;
  await refuseSilenced(known.service, parts);
  await outbox.tellEvent(known, requestId, `🔴 Now ${level}: ${why.replace(/[.\s]+$/, '')}. Looking again.`);
  const incident = await incidents.lookAgain(id);
  if (incident === null) return;
  await queue.add(id, incident.round);
  world.logger.info({ service: incident.service, incidentId: id, level, why }, 'looks into an incident again');
}

async function showClosed(id: string, why: string, { incidents, outbox }: WatchingParts): Promise<void> {
  const [incident, report] = await Promise.all([incidents.find(id), findReport(id, incidents)]);
  if (incident !== null && report !== null) await outbox.showClosed(incident, report, why);
}

async function findReport(id: string, incidents: RedisIncidentBook): Promise<Report | null> {
  const json = await incidents.reportJson(id);
  return json === null ? null : Report.parse(JSON.parse(json));
}
