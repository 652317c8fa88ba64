/** What people ask of the bot, answered from the stores: every command of Slack ends here. */
import type { BaselineStore } from '../adapters/redis/baseline-store.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import type { CommandDesk, DeskAnswer } from '../adapters/slack/command-desk.ts';
import type { Incident } from '../incident/incident.ts';
import { baselineLine } from '../report/baseline-text.ts';
import { mitigationPhrase } from '../report/mitigation-text.ts';
import { setBaseline } from '../watch/set-baseline.ts';
import type { MayChangeBaseline } from './baseline-rights.ts';
import type { DeskWorld } from './desk-world.ts';
import { viewOnCall } from './on-call-desk.ts';
import { type PostmortemParts, sharePostmortem } from './postmortem.ts';
import type { Rotas } from './rotas.ts';
import { toTriagedService } from './run-triage.ts';
import { createSilenceDesk, type SilenceDeskParts } from './silence-desk.ts';
import { DEFAULT_SINCE_SECONDS, type StartParts, startTriage } from './start-triage.ts';
import { incidentLine, incidentStatus, overview, type StatusDeskParts } from './status-desk.ts';

export type DeskParts = StatusDeskParts &
  SilenceDeskParts &
  StartParts &
  PostmortemParts & {
    world: DeskWorld;
    incidents: RedisIncidentBook;
    baselines: BaselineStore;
    rotas: Rotas;
    rollbacks: RollbackBook;
    mayChangeBaseline: MayChangeBaseline;
  };

const SHOWN_INCIDENTS = 20;
/** How far `history` and `status` look back among the incidents of all services. */
const SEARCHED_INCIDENTS = 500;

export function createDesk(parts: DeskParts): CommandDesk {
  const { world, incidents, baselines, rotas } = parts;
  const { config } = world;
  return {
    serviceNames: () => [...config.services.keys()],
    defaultSinceSeconds: () => DEFAULT_SINCE_SECONDS,
    startTriage: (request) => startTriage(request, parts),
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
    status: async (id) => (id === null ? await overview(parts) : await incidentStatus(id, parts)),
    silence: createSilenceDesk(parts),
    async baseline(verb, service, by) {
      const configured = config.services.get(service);
      if (configured === undefined) return { kind: 'unknown-service' };
      if (verb !== 'show') {
        const may = await parts.mayChangeBaseline(by, configured, `/memtriage baseline ${verb}`);
        if (may.outcome !== 'ok') return may;
      }
      return await answerBaseline(verb, toTriagedService(configured), by, { world, baselines });
    },
    onCall: async () => await viewOnCall(config.teams.values(), rotas, Date.now()),
    postmortem: async (incidentId) => await sharePostmortem(incidentId, parts),
    async history(service) {
      if (!config.services.has(service)) return { kind: 'unknown-service' };
      const all = await incidents.recent(SEARCHED_INCIDENTS);
      const mine = all.filter((incident) => incident.service === service).slice(0, SHOWN_INCIDENTS);
      return {
        kind: 'lines',
        title: `Incidents of ${service}`,
        lines: mine.length === 0 ? ['none'] : await Promise.all(mine.map(async (one) => await historyLine(one, parts))),
      };
    },
  };
}

/** The incident, what was done about it, and how long that took. */
async function historyLine(incident: Incident, { rollbacks }: Pick<DeskParts, 'rollbacks'>): Promise<string> {
  const rollback = await rollbacks.find(incident.id);
  return `${incidentLine(incident)}${rollback === null ? '' : `; ${mitigationPhrase(rollback)}`}`;
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
