/** What people ask of the bot, answered from the stores: every command of Slack ends here. */
import { createHash } from 'node:crypto';
import type { TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import type { BaselineStore } from '../adapters/redis/baseline-store.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { CommandDesk, DeskAnswer, StartedTriage } from '../adapters/slack/command-desk.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import { type Failure, messageOf } from '../errors.ts';
import type { Incident, TriageRequest } from '../incident/incident.ts';
import { baselineLine } from '../report/baseline-text.ts';
import { setBaseline } from '../watch/set-baseline.ts';
import { viewOnCall } from './on-call-desk.ts';
import type { Rotas } from './rotas.ts';
import { toTriagedService } from './run-triage.ts';
import type { World } from './world.ts';

export type DeskParts = {
  world: World;
  incidents: RedisIncidentBook;
  baselines: BaselineStore;
  queue: TriageQueue;
  outbox: Outbox;
  rotas: Rotas;
};

/** Without `--since`: a day shows the daily cycle, and what came before the deploy of the morning. */
const DEFAULT_SINCE_SECONDS = 86_400;
const SHOWN_INCIDENTS = 20;
/** How far `history` and `status` look back among the incidents of all services. */
const SEARCHED_INCIDENTS = 500;

export function createDesk({ world, incidents, baselines, queue, outbox, rotas }: DeskParts): CommandDesk {
  const { config } = world;
  return {
    serviceNames: () => [...config.services.keys()],
    defaultSinceSeconds: () => DEFAULT_SINCE_SECONDS,
    startTriage: (request) => startTriage(request, { world, incidents, queue, outbox }),
    async listServices() {
      return await Promise.all(
        [...config.services.values()].map(async ({ name, team }) => {
          const [open, baseline] = await Promise.all([incidents.openOf(name), baselines.current(name)]);
          const state = open === null ? 'no open incident' : `${open.id} ${open.state}`;
          const known = baseline === null ? 'no baseline yet' : `baseline ${baselineLine(baseline)}`;
          return { service: name, team, summary: `${state}; ${known}` };
        }),
      );
    },
    async status(id) {
      if (id !== null) return await incidentStatus(id, incidents);
      const recent = await incidents.recent(SEARCHED_INCIDENTS);
      const open = recent.filter(({ state }) => state !== 'closed').slice(0, SHOWN_INCIDENTS);
      const lines = open.length === 0 ? ['none'] : open.map(incidentLine);
      return { kind: 'lines', title: 'Open incidents', lines: [...lines, `Redis: ${world.redis.describe()}`] };
    },
    async baseline(verb, service, by) {
      const configured = config.services.get(service);
      if (configured === undefined) return { kind: 'unknown-service' };
      return await answerBaseline(verb, toTriagedService(configured), by, { world, baselines });
    },
    onCall: async () => await viewOnCall(config.teams.values(), rotas, Date.now()),
    async history(service) {
      if (!config.services.has(service)) return { kind: 'unknown-service' };
      const all = await incidents.recent(SEARCHED_INCIDENTS);
      const mine = all.filter((incident) => incident.service === service).slice(0, SHOWN_INCIDENTS);
      return {
        kind: 'lines',
        title: `Incidents of ${service}`,
        lines: mine.length === 0 ? ['none'] : mine.map(incidentLine),
      };
    },
  };
}

/**
 * Opens the incident and queues its triage; resolves when Redis has both. Safe to repeat: an incident whose bot died
 * between the two is queued by whoever asks next, and by the next start of a bot.
 */
async function startTriage(
  request: TriageRequest & { requestId: string },
  { world, incidents, queue, outbox }: Pick<DeskParts, 'world' | 'incidents' | 'queue' | 'outbox'>,
): Promise<StartedTriage> {
  const service = world.config.services.get(request.service);
  if (service === undefined) return { kind: 'unknown-service' };
  try {
    const { incident, joined } = await incidents.openOrJoin(request, service.site, requestKey(request.requestId));
    await queue.add(incident.id, incident.round);
    if (!joined) return { kind: 'started', incident };
    const { channelId, openedBy } = incident;
    return {
      kind: 'running',
      incident,
      channelId,
      startedBy: openedBy,
      permalink: await outbox.permalink(incident.id),
    };
  } catch (thrown) {
    world.logger.error({ err: thrown, service: request.service }, 'a triage could not be stored');
    return {
      kind: 'not-stored',
      why: `I can't queue work right now, Redis does not answer (${messageOf(thrown)})`,
      tryThis: 'Ask again in a minute, or run `memtriage triage` on the host of the service',
    };
  }
}

function requestKey(requestId: string): string {
  return createHash('sha256').update(requestId).digest('hex').slice(0, 32);
}

async function incidentStatus(id: string, incidents: RedisIncidentBook): Promise<DeskAnswer> {
  const incident = await incidents.find(id);
  if (incident === null) return notFound(id);
  const steps = await incidents.savedSteps(id);
  return {
    kind: 'lines',
    title: incidentLine(incident),
    lines: steps.map(({ step, outcome, note }) => `${step}: ${outcome}; ${note}`),
  };
}

function notFound(id: string): Failure {
  return { outcome: 'error', who: 'user', why: `there is no incident ${id}`, tryThis: 'See /memtriage status' };
}

function incidentLine({ id, service, state, openedAt, openedBy }: Incident): string {
  return `${id} ${service}: ${state}, opened ${openedAt} by ${openedBy}`;
}

async function answerBaseline(
  verb: 'show' | 'set' | 'revert',
  service: ReturnType<typeof toTriagedService>,
  by: string,
  { world, baselines }: Pick<DeskParts, 'world' | 'baselines'>,
): Promise<DeskAnswer> {
  const title = `Baseline of ${service.name}`;
  if (verb === 'show') {
    const known = await baselines.list(service.name);
    const lines = known.map(({ baseline, isCurrent }) => `${isCurrent ? 'in force: ' : ''}${baselineLine(baseline)}`);
    return { kind: 'lines', title, lines: lines.length === 0 ? ['none yet'] : lines };
  }
  const outcome =
    verb === 'set'
      ? await setBaseline(service, by, { now: Date.now, memory: world.memory, baselines }, world.signal)
      : await baselines.revert(service.name);
  if (outcome.outcome !== 'ok') return outcome;
  return { kind: 'lines', title, lines: [`${verb === 'set' ? 'now' : 'back to'} ${baselineLine(outcome.value)}`] };
}
