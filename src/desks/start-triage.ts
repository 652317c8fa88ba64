/** How a triage begins for whoever asks: a person, or the watch. */
import { createHash } from 'node:crypto';
import type { TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import { describeNoAnswer } from '../adapters/redis/no-answer.ts';
import type { StartedTriage, UmbrellaPlace } from '../adapters/slack/command-desk.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { TriageRequest } from '../incident/incident.ts';
import type { DeskWorld } from './desk-world.ts';
import type { UmbrellaDesk } from './umbrella-desk.ts';

/** Without `--since`: a day shows the daily cycle, and what came before the deploy of the morning. */
export const DEFAULT_SINCE_SECONDS = 86_400;

export type StartParts = {
  world: Pick<DeskWorld, 'config' | 'logger'>;
  incidents: RedisIncidentBook;
  queue: TriageQueue;
  outbox: Pick<Outbox, 'permalink' | 'hasThread' | 'tellEvent'>;
  umbrellas: Pick<UmbrellaDesk, 'giveThread'>;
};

/**
 * Opens the incident and queues its triage; resolves when Redis has both. Safe to repeat: an incident whose bot died
 * between the two is queued by whoever asks next, and by the next start of a bot.
 */
export async function startTriage(
  request: TriageRequest & { requestId: string },
  parts: StartParts,
): Promise<StartedTriage> {
  const { world, incidents, queue, outbox } = parts;
  const service = world.config.services.get(request.service);
  if (service === undefined) return { kind: 'unknown-service' };
  try {
    const umbrella = await askedUnderUmbrella(request, parts);
    const again = await lookAgain(request, umbrella, parts);
    if (again !== null) return again;
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
      umbrella,
    };
  } catch (thrown) {
    world.logger.error({ err: thrown, service: request.service }, 'a triage could not be stored');
    return {
      kind: 'not-stored',
      why: `I can't queue work right now, ${describeNoAnswer(thrown)}`,
      tryThis: 'Ask again in a minute, or run `memtriage triage` on the host of the service',
    };
  }
}

/** Asked by a person about one of many services that were killed at once: it gets a thread of its own. */
async function askedUnderUmbrella(
  { symptom, service }: TriageRequest,
  { incidents, umbrellas, outbox }: StartParts,
): Promise<UmbrellaPlace | null> {
  const open = symptom === 'asked' ? await incidents.openOf(service) : null;
  const umbrella = open === null ? null : await umbrellas.giveThread(open);
  return umbrella === null ? null : { id: umbrella.id, permalink: await outbox.permalink(umbrella.id) };
}

/**
 * Asked about what is open and reported: the case goes on in its thread, where a second root would close it unseen.
 * Null: there is none, or nobody asked, or its thread is long gone.
 */
async function lookAgain(
  request: TriageRequest & { requestId: string },
  umbrella: UmbrellaPlace | null,
  { incidents, queue, outbox }: StartParts,
): Promise<StartedTriage | null> {
  if (request.symptom !== 'asked') return null;
  const open = await incidents.openOf(request.service);
  if (open?.state !== 'reported' || open.channelId === null || !(await outbox.hasThread(open.id))) return null;
  const incident = await incidents.lookAgain(open.id, request);
  if (incident === null) return null;
  await queue.add(incident.id, incident.round);
  await outbox.tellEvent(incident, `look-${incident.round ?? 1}`, '⏳ Looking again (asked by a command).');
  return { kind: 'looks-again', incident, permalink: await outbox.permalink(incident.id), umbrella };
}

function requestKey(requestId: string): string {
  return createHash('sha256').update(requestId).digest('hex').slice(0, 32);
}
