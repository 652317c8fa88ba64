import { isDeepStrictEqual } from 'node:util';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { Incident } from '../incident/incident.ts';
import { Report } from '../report/report.ts';
import type { RootPart } from '../report/slack-buttons.ts';
import { selectRunbook } from '../runbook/runbook.ts';
import type { IncidentThread } from '../triage/ports.ts';
import { toProgress } from '../triage/triage.ts';
import type { TriageRunner } from './run-triage.ts';

/** Alerts that come faster than this many times are left to the refresh of the next one. */
const MAX_ROUNDS = 50;

/** Messages of a triage with the alerts as they are by now: it read its incident when it began. */
export function withNewestAlerts(
  thread: IncidentThread,
  find: (incidentId: string) => Promise<Incident | null>,
): IncidentThread {
  const newest = async (incident: Incident): Promise<Incident> => (await find(incident.id)) ?? incident;
  return {
    showProgress: async (incident, progress) => await thread.showProgress(await newest(incident), progress),
    async publishReport(incident, report) {
      const known = await newest(incident);
      // It is stored as reported a moment later; its buttons shall not wait for another edit.
      const state = report.verdict === 'healthy' ? 'closed' : 'reported';
      await thread.publishReport(known.state === 'triaging' ? { ...known, state } : known, report);
    },
  };
}

/** What the keepers of state show on the root of an incident. */
export type RootParts = (incident: Incident) => Promise<readonly RootPart[]>;

/**
 * Brings the thread of an incident to what is stored of it. Everybody who changed something calls it, and
 * looks once more after writing: so the last one to write has seen the last change.
 */
export async function refreshThread(
  incidentId: string,
  incidents: RedisIncidentBook,
  thread: IncidentThread,
  runner: Pick<TriageRunner, 'config' | 'runbooks'> & { rootParts: RootParts },
): Promise<void> {
  let shown: unknown = null;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const incident = await incidents.find(incidentId);
    const report = await incidents.reportJson(incidentId);
    const parts = incident === null ? [] : await runner.rootParts(incident);
    const state = [incident, report, parts];
    if (incident === null || isDeepStrictEqual(state, shown) || isSettled(incident, parts)) return;
    if (report !== null) await thread.publishReport(incident, Report.parse(JSON.parse(report)));
    else await showSavedSteps(incident, incidents, thread, runner);
    shown = state;
  }
}

/** What was closed shows why, and that stays. */
function isSettled({ state, alerts }: Incident, parts: readonly RootPart[]): boolean {
  return state === 'closed' && alerts === undefined && parts.every(({ head }) => head === null);
}

/**
 * The same for many callers at once: while one runs, all others share the one that starts after it. Two hundred alerts
 * of a webhook need a few, and each caller's change is seen by one that began after it.
 */
export function shareRuns(run: (incidentId: string) => Promise<void>): (incidentId: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const next = new Map<string, Promise<void>>();

  async function start(incidentId: string): Promise<void> {
    const mine = run(incidentId).finally(() => {
      if (running.get(incidentId) === mine) running.delete(incidentId);
    });
    running.set(incidentId, mine);
    await mine;
  }

  return async (incidentId) => {
    const current = running.get(incidentId);
    if (current === undefined) return await start(incidentId);
    const shared =
      next.get(incidentId) ??
      current
        .catch(() => {})
        .then(async () => {
          next.delete(incidentId);
          await start(incidentId);
        });
    next.set(incidentId, shared);
    await shared;
  };
}

async function showSavedSteps(
  incident: Incident,
  incidents: RedisIncidentBook,
  thread: IncidentThread,
  { config, runbooks }: Pick<TriageRunner, 'config' | 'runbooks'>,
): Promise<void> {
  const service = config.services.get(incident.service);
  const runbook = service === undefined ? null : selectRunbook(runbooks, service, incident.symptom);
  if (runbook === null) return;
  await thread.showProgress(incident, toProgress(incident, runbook, await incidents.savedSteps(incident.id)));
}
