import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Incident, type IncidentState, type TriageRequest } from '../../incident/incident.ts';
import { StepResult } from '../../incident/step-result.ts';
import type { IncidentBook } from '../../triage/ports.ts';

/** Incidents are kept this long after their last change; reports stay readable that long. */
const KEEP_SECONDS = 90 * 86_400;
/** `list` and `history` look at this many at the most. */
const KEEP_IN_INDEX = 10_000;

/**
 * Opens an incident or joins the one that is being triaged. One script, so that two commands at the same moment, in
 * two replicas, get the same incident. KEYS: open pointer, id counter, index, prefix of incidents, prefix of requests.
 * ARGV: incident without id, time, keep seconds, index size, request, request key (the same one again within a day gets
 * the incident that it opened; empty: none).
 */
const OPEN_OR_JOIN = `
local repeated = ARGV[6] ~= '' and redis.call('GET', KEYS[5] .. ARGV[6])
if repeated then return {redis.call('HGET', KEYS[4] .. repeated, 'incident'), 0} end
local open = redis.call('GET', KEYS[1])
if open and redis.call('HGET', KEYS[4] .. open, 'state') == 'triaging' then
  return {redis.call('HGET', KEYS[4] .. open, 'incident'), 1}
end
if open then redis.call('HSET', KEYS[4] .. open, 'state', 'closed') end
local id = 'M-' .. redis.call('INCR', KEYS[2])
local incident = string.gsub(ARGV[1], '"id":""', function() return '"id":"' .. id .. '"' end, 1)
redis.call('HSET', KEYS[4] .. id, 'incident', incident, 'state', 'triaging', 'request', ARGV[5])
redis.call('EXPIRE', KEYS[4] .. id, ARGV[3])
redis.call('SET', KEYS[1], id, 'EX', ARGV[3])
if ARGV[6] ~= '' then redis.call('SET', KEYS[5] .. ARGV[6], id, 'EX', 86400) end
redis.call('ZADD', KEYS[3], ARGV[2], id)
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - ARGV[4])
return {incident, 0}
`;

const Opened = z.tuple([z.string(), z.number()]);

export type RedisIncidentBook = IncidentBook & {
  /**
   * Atomically: the incident of the service that is being triaged, or a new one. The same `requestKey` again within a
   * day gets the incident that it opened, whatever its state.
   */
  openOrJoin(
    request: TriageRequest,
    site: string,
    requestKey?: string,
  ): Promise<{ incident: Incident; joined: boolean }>;
  /** The incident with its present state, or null. */
  find(id: string): Promise<Incident | null>;
  request(id: string): Promise<TriageRequest | null>;
  /** The stored report as JSON text, or null when it is not out yet. */
  reportJson(id: string): Promise<string | null>;
  /** Newest first. */
  recent(limit: number): Promise<Incident[]>;
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

/** Incidents in Redis: one hash each, an open pointer for each service, an index by time. */
export function createIncidentBook(redis: Redis, prefix: string, now: () => number): RedisIncidentBook {
  const incidentKey = (id: string): string => `${prefix}:incident:${id}`;
  const openKey = (service: string): string => `${prefix}:incident-open:${service}`;
  const indexKey = `${prefix}:incident-index`;

  async function setState(id: string, state: IncidentState): Promise<void> {
    await redis.multi().hset(incidentKey(id), 'state', state).expire(incidentKey(id), KEEP_SECONDS).exec();
  }

  async function find(id: string): Promise<Incident | null> {
    const [incident, state] = await redis.hmget(incidentKey(id), 'incident', 'state');
    return incident == null ? null : Incident.parse({ ...parseObject(incident), state });
  }

  return {
    find,
    async openOrJoin(request: TriageRequest, site: string, requestKey: string = '') {
      const incident: Incident = {
        schema: 1,
        id: '',
        service: request.service,
        site,
        symptom: request.symptom,
        state: 'triaging',
        openedAt: new Date(now()).toISOString(),
        openedBy: request.openedBy,
        channelId: request.channelId,
      };
      const keys = [
        openKey(request.service),
        `${prefix}:incident-seq`,
        indexKey,
        incidentKey(''),
        `${prefix}:request:`,
      ];
      const asked = JSON.stringify(Request.parse(request));
      const args = [JSON.stringify(incident), now(), KEEP_SECONDS, KEEP_IN_INDEX, asked, requestKey];
      const [stored, joined] = Opened.parse(await redis.eval(OPEN_OR_JOIN, keys.length, ...keys, ...args));
      return { incident: Incident.parse({ ...parseObject(stored), state: 'triaging' }), joined: joined === 1 };
    },
    async savedSteps(id) {
      const steps = await redis.hgetall(`${incidentKey(id)}:steps`);
      return Object.values(steps).map((json) => StepResult.parse(JSON.parse(json)));
    },
    async saveStep(id, result) {
      const key = `${incidentKey(id)}:steps`;
      await redis.multi().hset(key, result.step, JSON.stringify(result)).expire(key, KEEP_SECONDS).exec();
    },
    async saveReport(id, report) {
      await redis.hset(incidentKey(id), 'report', JSON.stringify(report));
      await setState(id, report.verdict === 'healthy' ? 'closed' : 'reported');
    },
    async request(id) {
      const json = await redis.hget(incidentKey(id), 'request');
      return json === null ? null : Request.parse(JSON.parse(json));
    },
    reportJson: (id) => redis.hget(incidentKey(id), 'report'),
    async recent(limit) {
      const ids = await redis.zrevrange(indexKey, 0, limit - 1);
      const found = await Promise.all(ids.map(find));
      return found.filter((incident) => incident !== null);
    },
    async openOf(service) {
      const id = await redis.get(openKey(service));
      const incident = id === null ? null : await find(id);
      return incident === null || incident.state === 'closed' ? null : incident;
    },
    close: (id) => setState(id, 'closed'),
  };
}

function parseObject(json: string): Record<string, unknown> {
  return z.record(z.string(), z.unknown()).parse(JSON.parse(json));
}
