import type { Redis } from 'ioredis';
import { shiftCursorKey } from './keys.ts';

const KEEP_SECONDS = 35 * 86_400;

export type ShiftCursor = {
  /** Until when ended shifts of the team were told, epoch milliseconds; null: never looked at. */
  load(team: string): Promise<number | null>;
  save(team: string, atMs: number): Promise<void>;
};

export function createShiftCursor(redis: Redis, prefix: string): ShiftCursor {
  return {
    async load(team) {
      const stored = await redis.get(shiftCursorKey(prefix, team));
      return stored === null ? null : Number(stored);
    },
    async save(team, atMs) {
      await redis.set(shiftCursorKey(prefix, team), String(atMs), 'EX', KEEP_SECONDS);
    },
  };
}
