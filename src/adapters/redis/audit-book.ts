import type { Redis } from 'ioredis';
import { AuditEntry } from '../../incident/audit.ts';
import { incidentKey, KEEP_SECONDS } from './incident-book.ts';
import { parseJson } from './instance-store.ts';

export interface AuditBook {
  /** One more line. `key`: the same one again is written once, whoever died in between. */
  append(incidentId: string, key: string, entry: AuditEntry): Promise<void>;
  /** All of it, in the order of writing. */
  list(incidentId: string): Promise<AuditEntry[]>;
}

/** List: the trail of an incident as JSON, oldest first. */
export function auditKey(prefix: string, incidentId: string): string {
  return `${incidentKey(prefix, incidentId)}:audit`;
}

/** KEYS: trail, keys that were written. ARGV: key, entry, keep seconds. */
const APPEND = `
if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then redis.call('RPUSH', KEYS[1], ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
`;

/** The append-only trail of every incident. Nothing here edits or removes a line; it ends with the incident. */
export function createAuditBook(redis: Redis, prefix: string): AuditBook {
  return {
    async append(incidentId, key, entry) {
      const trail = auditKey(prefix, incidentId);
      await redis.eval(APPEND, 2, trail, `${trail}-keys`, key, JSON.stringify(entry), KEEP_SECONDS);
    },
    async list(incidentId) {
      const stored = await redis.lrange(auditKey(prefix, incidentId), 0, -1);
      return stored.flatMap((text) => parseJson(AuditEntry, text));
    },
  };
}
