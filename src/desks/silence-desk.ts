/** `/memtriage silence`: less of a service for a while, with a reason and an end, for everybody to see. */
import { setTimeout } from 'node:timers/promises';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { SilenceBook } from '../adapters/redis/silence-book.ts';
import type { DeskAnswer, SilenceRequest } from '../adapters/slack/command-desk.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import { failed } from '../errors.ts';
import type { Silence } from '../incident/silence.ts';
import { formatDuration } from '../units.ts';
import type { DeskWorld } from './desk-world.ts';

export type SilenceDeskParts = {
  world: Pick<DeskWorld, 'config' | 'logger'>;
  silences: SilenceBook;
  incidents: Pick<RedisIncidentBook, 'openOf'>;
  outbox: Pick<Outbox, 'tellEvent'>;
  /** Brings the thread to what is stored of it. */
  refresh: (incidentId: string) => Promise<void>;
};

export function createSilenceDesk(parts: SilenceDeskParts): (request: SilenceRequest) => Promise<DeskAnswer> {
  const { world, silences } = parts;
  return async (request) => {
    if (request.verb === 'list') return await listSilences(parts);
    if (!world.config.services.has(request.service)) return { kind: 'unknown-service' };
    if (request.verb === 'set') return await setSilence(request, parts);
    if (!(await silences.end(request.service))) {
      return failed('user', `${request.service} is not silenced`, 'See /memtriage silence list');
    }
    world.logger.info({ service: request.service, by: request.by }, 'a silence was ended');
    await tellThread(request.service, `end-${Date.now()}`, '🔔 The silence was ended.', parts);
    return {
      kind: 'lines',
      title: `${request.service} is not silenced any more`,
      lines: ['What stands is told again.'],
    };
  };
}

async function setSilence(
  { service, seconds, reason, by }: Extract<SilenceRequest, { verb: 'set' }>,
  parts: SilenceDeskParts,
): Promise<DeskAnswer> {
  const now = Date.now();
  const until = new Date(now + seconds * 1000).toISOString();
  const silence: Silence = { schema: 1, service, by, reason, since: new Date(now).toISOString(), until };
  await parts.silences.set(silence);
  parts.world.logger.info({ ...silence }, 'a service was silenced');
  await tellThread(service, until, `🔕 Silenced for ${formatDuration(seconds)}: ${reason}`, parts);
  return {
    kind: 'lines',
    title: `${service} is silenced for ${formatDuration(seconds)}`,
    lines: [
      'Growth opens no thread and other alerts wait until it ends. OOM kills still open their thread and are counted; nobody is paged.',
      `It ends by itself at ${until}, or by /memtriage silence end ${service}.`,
    ],
  };
}

async function listSilences({ world, silences }: SilenceDeskParts): Promise<DeskAnswer> {
  const found = await silences.list([...world.config.services.keys()]);
  return { kind: 'lines', title: 'Silences', lines: found.length === 0 ? ['none'] : found.map(silenceLine) };
}

/** Plain text. */
export function silenceLine({ service, until, by, reason }: Silence): string {
  return `${service}: until ${until}, by ${by}: ${reason}`;
}

/** A person waits for the answer, and Slack for no longer than 3 s; bringing the thread up to date goes on behind it. */
const THREAD_PATIENCE_MS = 500;

/** Best effort: the silence itself is stored. */
async function tellThread(service: string, key: string, text: string, parts: SilenceDeskParts): Promise<void> {
  const late = setTimeout(THREAD_PATIENCE_MS, undefined, { ref: false });
  await Promise.race([bringThread(service, key, text, parts), late]);
}

async function bringThread(service: string, key: string, text: string, parts: SilenceDeskParts): Promise<void> {
  try {
    const incident = await parts.incidents.openOf(service);
    if (incident === null) return;
    await parts.outbox.tellEvent(incident, `silence-${key}`, text);
    await parts.refresh(incident.id);
  } catch (err) {
    parts.world.logger.warn({ err, service }, 'a thread does not tell of a silence yet');
  }
}
