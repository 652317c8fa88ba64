import type { Redis } from 'ioredis';
import type { AuditEntry } from '../../incident/audit.ts';
import { Rollback } from '../../incident/rollback.ts';
import { MEMTRIAGE } from '../../incident/rollback-moves.ts';
import { auditKey } from './audit-book.ts';
import { incidentKey, KEEP_SECONDS } from './incident-book.ts';
import { parseJson } from './instance-store.ts';
import { openRollbacksKey, rollbacksKey } from './keys.ts';

/** Ended rollbacks of a service that are kept: for its history, its cooldown, and how long one takes. */
const KEPT_ENDED = 100;
/** A handful of people press at once at the most. */
const MAX_ROUNDS = 50;

/** What becomes of the record, and the lines of the audit trail that are written with it, or not at all. */
export type RollbackChange = { after: Rollback; audit: readonly AuditEntry[] };

export interface RollbackBook {
  /** The newest rollback of the incident, or null. */
  find(incidentId: string): Promise<Rollback | null>;
  /**
   * Changes the record by a pure function, atomically with its lines of the trail: it is asked again when somebody else
   * was faster. The version is raised here. Null: nothing is written. Resolves with the record as it then is.
   */
  change(incidentId: string, decide: (before: Rollback | null) => RollbackChange | null): Promise<Rollback | null>;
  /** Incidents whose rollback is proposed, approved, being carried out or watched. */
  open(): Promise<string[]>;
  /** Rollbacks of the service that were carried out or tried, newest first. */
  carriedOut(service: string): Promise<Rollback[]>;
}

/**
 * Writes unless the version moved since it was read. A decision calls off the pager's round that began before it, in
 * the same moment: whoever decides is awake, and no page of that round begins any more. KEYS: incident, trail, carried out, open ones. ARGV: version before (0: none),
 * version, record, keep seconds, lines of the trail as a list, is carried out (1 or 0), kept, id of the incident, is open
 * (1 or 0), when a person decided with it (empty: nobody did). Returns 1 when written.
 */
const CHANGE = `
if (redis.call('HGET', KEYS[1], 'rollbackVersion') or '0') ~= ARGV[1] then return 0 end
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
redis.call('HSET', KEYS[1], 'rollbackVersion', ARGV[2], 'rollback', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
for _, line in ipairs(cjson.decode(ARGV[5])) do redis.call('RPUSH', KEYS[2], line) end
redis.call('EXPIRE', KEYS[2], ARGV[4])
if ARGV[6] == '1' then
  redis.call('LPUSH', KEYS[3], ARGV[3])
  redis.call('LTRIM', KEYS[3], 0, ARGV[7] - 1)
  redis.call('EXPIRE', KEYS[3], ARGV[4])
end
local pager = ARGV[10] ~= '' and redis.call('HGET', KEYS[1], 'pager')
local round = pager and cjson.decode(pager)
if round and round.begunAt ~= cjson.null and round.begunAt <= ARGV[10] then
  redis.call('SET', KEYS[1] .. ':called-off:' .. round.round, '1', 'EX', ARGV[4])
end
redis.call(ARGV[9] == '1' and 'SADD' or 'SREM', KEYS[4], ARGV[8])
return 1
`;

/** The rollback of each incident, in the incident's own hash: gone with it. */
export function createRollbackBook(redis: Redis, prefix: string): RollbackBook {
  async function read(incidentId: string): Promise<{ record: Rollback | null; version: number }> {
    const [stored, version] = await redis.hmget(incidentKey(prefix, incidentId), 'rollback', 'rollbackVersion');
    return { record: parseJson(Rollback, stored ?? '')[0] ?? null, version: Number(version ?? 0) };
  }

  return {
    find: async (incidentId) => (await read(incidentId)).record,
    async change(incidentId, decide) {
      const key = incidentKey(prefix, incidentId);
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        const { record: before, version: known } = await read(incidentId);
        const change = decide(before);
        if (change === null) return before;
        const version = known + 1;
        const after: Rollback = { ...change.after, version };
        const keys = [key, auditKey(prefix, incidentId), rollbacksKey(prefix, after.service)];
        const all = [...keys, openRollbacksKey(prefix)];
        const lines = JSON.stringify(change.audit.map((entry) => JSON.stringify(entry)));
        const ended = hasEnded(after) && !(before !== null && hasEnded(before)) ? 1 : 0;
        const isOpen = OPEN.has(after.state) ? 1 : 0;
        const args = [
          known,
          version,
          JSON.stringify(after),
          KEEP_SECONDS,
          lines,
          ended,
          KEPT_ENDED,
          incidentId,
          isOpen,
          decidedAt(before, after),
        ];
        const written = await redis.eval(CHANGE, all.length, ...all, ...args);
        if (written === 1) return after;
        if (written === -1) throw new Error(`the incident ${incidentId} is gone from Redis`);
      }
      throw new Error(`the rollback of ${incidentId} changes too fast`);
    },
    open: async () => await redis.smembers(openRollbacksKey(prefix)),
    async carriedOut(service) {
      const stored = await redis.lrange(rollbacksKey(prefix, service), 0, KEPT_ENDED - 1);
      return stored.flatMap((text) => parseJson(Rollback, text));
    },
  };
}

const OPEN: ReadonlySet<Rollback['state']> = new Set(['proposed', 'approved', 'acting', 'verifying']);

const CARRIED_OUT: ReadonlySet<Rollback['state']> = new Set(['recovered', 'not-recovered', 'unproven', 'failed']);

/** RFC 3339 of a person's approval or refusal that this change is; empty: it is neither. */
function decidedAt(before: Rollback | null, { approvals, declined }: Rollback): string {
  if (declined !== null && before?.declined == null) return declined.at;
  const last = approvals.at(-1);
  const isApproval = before !== null && approvals.length > before.approvals.length;
  return isApproval && last !== undefined && last.userId !== MEMTRIAGE ? last.at : '';
}

function hasEnded({ state, act }: Rollback): boolean {
  return act !== null && CARRIED_OUT.has(state);
}
