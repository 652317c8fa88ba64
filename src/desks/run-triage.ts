import type { Logger } from 'pino';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { Config, Service } from '../config/config.ts';
import { CommandError, EXIT_CONFIG } from '../errors.ts';
import type { Incident, TriageRequest } from '../incident/incident.ts';
import type { Report } from '../report/report.ts';
import { type Runbook, selectRunbook } from '../runbook/runbook.ts';
import type { TriagedService } from '../triage/context.ts';
import type { Ports } from '../triage/ports.ts';
import { triage } from '../triage/triage.ts';
import type { OffHours } from './off-hours.ts';

export type TriageRunner = {
  config: Config;
  runbooks: readonly Runbook[];
  ports: Ports;
  logger: Logger;
  signal: AbortSignal;
  /** Shared by all walks of this process. */
  takeTurn?: () => Promise<void>;
  /** Chooses the runbooks that are for off-hours. Absent: those for any hour. */
  isOffHours?: OffHours;
};

/** The part of the configuration that a walk needs. */
export function toTriagedService({ name, site, policy, snapshot }: Service): TriagedService {
  return { name, site, policy, snapshotWindowSeconds: snapshot.windowSeconds };
}

/** Runs the runbook that fits the incident of a configured service. */
export async function runTriage(incident: Incident, request: TriageRequest, runner: TriageRunner): Promise<Report> {
  const { config, runbooks, ports, logger, signal, takeTurn } = runner;
  const service = config.services.get(incident.service);
  if (service === undefined) {
    throw new CommandError(
      EXIT_CONFIG,
      `the service ${incident.service} of ${incident.id} is not in the configuration any more`,
      'Run every bot with the same configuration.',
    );
  }
  const isOffHours = (await runner.isOffHours?.(service, ports.now())) === true;
  const runbook = selectRunbook(runbooks, service, incident.symptom, isOffHours);
  if (runbook === null) {
    throw new CommandError(EXIT_CONFIG, `no runbook fits ${incident.symptom}`, 'Add one to the directory `runbooks`.');
  }
  return await triage(incident, runbook, {
    ports,
    service: toTriagedService(service),
    sinceSeconds: request.sinceSeconds,
    takeSnapshot: request.takeSnapshot,
    logger: logger.child({ incidentId: incident.id, service: service.name }),
    signal,
    ...(takeTurn === undefined ? {} : { takeTurn }),
  });
}

/** Runs the triage of a stored incident: what a job of the queue stands for. An incident that is reported is left alone. */
export async function runStoredTriage(
  incidentId: string,
  incidents: RedisIncidentBook,
  runner: TriageRunner,
): Promise<void> {
  const [incident, request] = await Promise.all([incidents.find(incidentId), incidents.request(incidentId)]);
  if (incident === null || request === null) {
    runner.logger.error({ incidentId }, 'the incident of this job is gone from Redis: nothing to do');
    return;
  }
  if (incident.state !== 'triaging') return;
  await runTriage(incident, request, runner);
}
