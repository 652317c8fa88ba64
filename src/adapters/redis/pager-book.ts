import type { Redis } from 'ioredis';
import type { AuditEntry } from '../../incident/audit.ts';
import { Pager } from '../../incident/pager.ts';
import { auditKey } from './audit-book.ts';
import { incidentKey, KEEP_SECONDS } from './incident-book.ts';
import { parseJson } from './instance-store.ts';

/** A handful of people press at once, beside the jobs of one incident. */
const MAX_ROUNDS = 50;

/** What becomes of the record, and the lines of the trail that are written with it, or not at all. */
export type StoredChange = { after: Pager; audit: readonly AuditEntry[] };

export interface PagerBook {
  find(incidentId: string): Promise<Pager | null>;
  /**
   * Changes the record by a pure function, atomically with its lines of the trail: it is asked again when somebody else
   * was faster. The version is raised here. Null, or the record as it was: nothing is written. Resolves with the record
   * as it then is and whether it changed; null: the incident is gone.
   */
  change(
    incidentId: string,
    decide: (before: Pager | null) => StoredChange | null,
  ): Promise<{ pager: Pager | null; isChanged: boolean } | null>;
  /** Incidents whose pager has something due or somebody holds. */
  active(): Promise<string[]>;
  /** Takes an incident that is gone off that list. */
  forget(incidentId: string): Promise<void>;
  /** The key that exists from the moment on at which nothing of this round may be sent any more. */
  calledOffKey(incidentId: string, round: number): string;
}

/**
 * Writes unless the version moved since it was read; calls the round off in the same moment, so that no message of it
 * begins after somebody took the incident. KEYS: incident, trail, active, call-off of the round before. ARGV: version
 * before (0: none), version, record, keep seconds, lines of the trail, incident id, is active, is called off (1 or 0).
 * Returns 1 when written, 0 when the version moved, -1 when the incident is gone.
 */
const CHANGE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
if (redis.call('HGET', KEYS[1], 'pagerVersion') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'pagerVersion', ARGV[2], 'pager', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
for _, line in ipairs(cjson.decode(ARGV[5])) do redis.call('RPUSH', KEYS[2], line) end
redis.call('EXPIRE', KEYS[2], ARGV[4])
if ARGV[7] == '1' then redis.call('SADD', KEYS[3], ARGV[6]) else redis.call('SREM', KEYS[3], ARGV[6]) end
if ARGV[8] == '1' then redis.call('SET', KEYS[4], '1', 'EX', ARGV[4]) end
return 1
`;

/** The pager of each incident, in the incident's own hash: gone with it. */
export function createPagerBook(redis: Redis, prefix: string): PagerBook {
  const activeKey = `${prefix}:pagers`;
  const calledOffKey = (incidentId: string, round: number): string =>
    `${incidentKey(prefix, incidentId)}:called-off:${round}`;

  async function read(incidentId: string): Promise<{ record: Pager | null; version: number }> {
    const [stored, version] = await redis.hmget(incidentKey(prefix, incidentId), 'pager', 'pagerVersion');
    return { record: parseJson(Pager, stored ?? '')[0] ?? null, version: Number(version ?? 0) };
  }

  return {
    calledOffKey,
    find: async (incidentId) => (await read(incidentId)).record,
    active: async () => await redis.smembers(activeKey),
    async forget(incidentId) {
      await redis.srem(activeKey, incidentId);
    },
    async change(incidentId, decide) {
      for (let attempt = 0; attempt < MAX_ROUNDS; attempt += 1) {
        const { record: before, version } = await read(incidentId);
        const change = decide(before);
        if (change === null || isSame(before, change.after)) return { pager: before, isChanged: false };
        const after: Pager = { ...change.after, version: version + 1 };
        const keys = [incidentKey(prefix, incidentId), auditKey(prefix, incidentId), activeKey];
        const lines = JSON.stringify(change.audit.map((entry) => JSON.stringify(entry)));
        const active = isActive(after) ? 1 : 0;
        const off = isPaging(before) && !(isPaging(after) && after.round === before?.round) ? 1 : 0;
        const args = [version, after.version, JSON.stringify(after), KEEP_SECONDS, lines, incidentId, active, off];
        const written = await redis.eval(CHANGE, 4, ...keys, calledOffKey(incidentId, before?.round ?? 0), ...args);
        if (written === 1) return { pager: after, isChanged: true };
        if (written === -1) return null;
      }
      throw new Error(`the pager of ${incidentId} changes too fast`);
    },
  };
}

function isSame(before: Pager | null, after: Pager): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}

function isActive({ state }: Pager): boolean {
  return state !== 'quiet' && state !== 'over';
}

/** Messages of the round may be sent. */
function isPaging(pager: Pager | null): boolean {
  return pager !== null && (pager.state === 'paging' || pager.state === 'waiting' || pager.state === 'unanswered');
}
