import type { Redis } from 'ioredis';
import { z } from 'zod';
import { alertState } from '../../incident/alert-state.ts';
import type { AlertTally } from '../../incident/alert-tally.ts';
import { Incident, IncidentState, type TriageRequest } from '../../incident/incident.ts';
import { StepResult } from '../../incident/step-result.ts';
import type { IncidentBook } from '../../triage/ports.ts';
import { GO_ON } from './alert-scripts.ts';
import { FINISH, IS_PLACE, LOOK_AGAIN, NOTE_TOLD, OPEN_OR_JOIN } from './incident-scripts.ts';
import { parseJson } from './instance-store.ts';
import { createTallyReader, type TallyReader } from './tally-reader.ts';

/** Incidents are kept this long after their last change; reports stay readable that long. */
export const KEEP_SECONDS = 90 * 86_400;
/** `list` and `history` look at this many at the most. */
const KEEP_IN_INDEX = 10_000;

/** An alert joins an incident that changed within a day, and reopens one that was closed or quiet within an hour. */
const GOES_ON_SECONDS = 86_400;
const REOPENED_SECONDS = 3600;

/** Hash: all of one incident but its steps. */
export function incidentKey(prefix: string, id: string): string {
  return `${prefix}:incident:${id}`;
}

/** The tally is read by itself: it is most of an incident. */
const WithoutAlerts = Incident.omit({ alerts: true });

const Opened = z.tuple([z.string(), IncidentState, z.number()]);

export type RedisIncidentBook = IncidentBook & {
  /**
   * Atomically: the incident of the service that is being triaged, or a new one. The same `requestKey` again within a
   * day gets the incident that it opened, whatever its state. A request with a channel joins only what has a thread; one
   * that nobody asked, only what has it in that channel.
   * `first`: an alert asks, so it also joins what is reported, and what was over within the hour. What it opens has
   * this tally from its first moment, which is when the alert came in; what it joins has its own.
   */
  openOrJoin(
    request: TriageRequest,
    site: string,
    requestKey?: string,
    first?: { tally: AlertTally; toldAtMs: number } | null,
  ): Promise<{ incident: Incident; joined: boolean }>;
  /**
   * A reported incident goes back into triage, in the thread that it has; null when it is not reported. `request`: what
   * is asked now; without it, what was asked before.
   */
  lookAgain(id: string, request?: TriageRequest): Promise<Incident | null>;
  /** The incident with its present state, or null. */
  find(id: string): Promise<Incident | null>;
  /** The state alone, and the how-manieth triage it is of, or null: in a storm a tally has some 60 KB. */
  findState(id: string): Promise<Pick<Incident, 'state' | 'round'> | null>;
  /**
   * People see it from `atMs` on, in a root of its own or in an umbrella's. Resolves with when it was opened, if alerts tell
   * of it and nobody saw it before; else null. Said once, whichever bot asks.
   */
  noteTold(id: string, atMs: number): Promise<string | null>;
  request(id: string): Promise<TriageRequest | null>;
  /** The stored report as JSON text, or null when it is not out yet. */
  reportJson(id: string): Promise<string | null>;
  /** Newest first. */
  recent(limit: number): Promise<Incident[]>;
  /** How many of the newest `limit` are in each state. */
  countStates(limit: number): Promise<Record<IncidentState, number>>;
  /** The newest incident of the service, whatever its state, or null. */
  newestOf(service: string): Promise<Incident | null>;
  /** The incident of the service that nobody has closed yet, or null. */
  openOf(service: string): Promise<Incident | null>;
  close(id: string): Promise<void>;
};

const Request = z.object({
  service: z.string(),
  symptom: z.enum(['asked', 'memory-growth', 'oom-kill']),
  openedBy: z.string(),
  channelId: z.string().nullable(),
  sinceSeconds: z.number(),
  takeSnapshot: z.boolean(),
});

/** Incidents in Redis: one hash each, an open pointer for each service, an index by number. */
export function createIncidentBook(
  redis: Redis,
  prefix: string,
  now: () => number,
  tallies: TallyReader = createTallyReader(),
): RedisIncidentBook {
  const keyOf = (id: string): string => incidentKey(prefix, id);
  const openKey = (service: string): string => `${prefix}:incident-open:${service}`;
  const indexKey = `${prefix}:incident-index`;

  async function finish(id: string, report: string, state: IncidentState): Promise<void> {
    await redis.eval(FINISH, 1, keyOf(id), report, state, KEEP_SECONDS);
  }

  async function find(id: string): Promise<Incident | null> {
    const fields = await redis.hmget(keyOf(id), 'incident', 'state', 'alerts', 'umbrella', 'isListed');
    const [incident, state, tally, umbrella, isListed] = fields;
    if (incident == null) return null;
    const alerts = tallies.read(id, tally ?? '');
    const known = WithoutAlerts.parse({
      ...parseObject(incident),
      state,
      ...(umbrella == null ? {} : { umbrella, isListed: isListed === '1' }),
    });
    return alerts === null ? known : { ...known, alerts };
  }

  async function newestOf(service: string): Promise<Incident | null> {
    const id = await redis.get(openKey(service));
    return id === null ? null : await find(id);
  }

  return {
    find,
    async findState(id) {
      const [incident, state] = await redis.hmget(keyOf(id), 'incident', 'state');
      return incident == null ? null : WithoutAlerts.parse({ ...parseObject(incident), state });
    },
    async noteTold(id, atMs) {
      const stored = await redis.eval(NOTE_TOLD, 1, keyOf(id), atMs);
      return typeof stored === 'string'
        ? WithoutAlerts.pick({ openedAt: true }).parse(parseObject(stored)).openedAt
        : null;
    },
    async openOrJoin(request, site, requestKey = '', first = null) {
      const incident: Incident = {
        schema: 1,
        id: '',
        service: request.service,
        site,
        symptom: request.symptom,
        state: 'triaging',
        openedAt: new Date(first?.toldAtMs ?? now()).toISOString(),
        openedBy: request.openedBy,
        channelId: request.channelId,
        previous: '',
      };
      const keys = [openKey(request.service), `${prefix}:incident-seq`, indexKey, keyOf(''), `${prefix}:request:`];
      const asked = JSON.stringify(Request.parse(request));
      const channel = request.channelId ?? '';
      const times = [GOES_ON_SECONDS, REOPENED_SECONDS];
      const tally = first === null ? ['', ''] : [JSON.stringify(first.tally), alertState(first.tally)];
      const opening = [JSON.stringify(incident), KEEP_SECONDS, KEEP_IN_INDEX, asked, requestKey, channel];
      const args = [...opening, ...times, ...tally, request.symptom === 'asked' ? 0 : 1];
      const script = IS_PLACE + (first === null ? OPEN_OR_JOIN : GO_ON + OPEN_OR_JOIN);
      const [stored, state, joined] = Opened.parse(await redis.eval(script, keys.length, ...keys, ...args));
      return { incident: Incident.parse({ ...parseObject(stored), state }), joined: joined === 1 };
    },
    async lookAgain(id, request) {
      const asked = request === undefined ? '' : JSON.stringify(Request.parse(request));
      const stored = await redis.eval(LOOK_AGAIN, 2, keyOf(id), `${keyOf(id)}:steps`, KEEP_SECONDS, asked);
      return typeof stored === 'string' ? Incident.parse({ ...parseObject(stored), state: 'triaging' }) : null;
    },
    async savedSteps(id) {
      const steps = await redis.hgetall(`${keyOf(id)}:steps`);
      // One that can't be read is from another version: doing it again costs seconds, failing the triage its report.
      return Object.values(steps).flatMap((json) => parseJson(StepResult, json));
    },
    async saveStep(id, result) {
      const key = `${keyOf(id)}:steps`;
      await redis.multi().hset(key, result.step, JSON.stringify(result)).expire(key, KEEP_SECONDS).exec();
    },
    async saveReport(id, report) {
      await finish(id, JSON.stringify(report), report.verdict === 'healthy' ? 'closed' : 'reported');
    },
    async request(id) {
      const json = await redis.hget(keyOf(id), 'request');
      return json === null ? null : Request.parse(JSON.parse(json));
    },
    reportJson: (id) => redis.hget(keyOf(id), 'report'),
    async recent(limit) {
      const ids = await redis.zrevrange(indexKey, 0, limit - 1);
      const found = await Promise.all(ids.map(find));
      return found.filter((incident) => incident !== null);
    },
    async countStates(limit) {
      const ids = await redis.zrevrange(indexKey, 0, limit - 1);
      const states = await Promise.all(ids.map((id) => redis.hget(keyOf(id), 'state')));
      const counts = { triaging: 0, reported: 0, closed: 0 };
      for (const stored of states) {
        const state = IncidentState.safeParse(stored);
        if (state.success) counts[state.data] += 1;
      }
      return counts;
    },
    newestOf,
    async openOf(service) {
      const incident = await newestOf(service);
      return incident === null || incident.state === 'closed' ? null : incident;
    },
    close: (id) => finish(id, '', 'closed'),
  };
}

function parseObject(json: string): Record<string, unknown> {
  return z.record(z.string(), z.unknown()).parse(JSON.parse(json));
}
