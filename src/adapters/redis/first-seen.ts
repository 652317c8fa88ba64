import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { withDeadline } from './with-deadline.ts';

/** Slack repeats a delivery within minutes, if at all. */
const KEEP_SECONDS = 3600;
/** A person waits. */
const DEADLINE_MS = 1500;

/**
 * True for the first of all replicas that asks with this id, within that time. Rejects when Redis does not answer.
 */
export async function isFirstSeen(
  redis: Redis,
  prefix: string,
  requestId: string,
  keepSeconds: number = KEEP_SECONDS,
): Promise<boolean> {
  const key = `${prefix}:seen:${createHash('sha256').update(requestId).digest('hex').slice(0, 32)}`;
  return (await withDeadline(redis.set(key, '1', 'EX', keepSeconds, 'NX'), DEADLINE_MS)) === 'OK';
}
