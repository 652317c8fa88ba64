import type { Redis } from 'ioredis';
import { alertState } from '../../incident/alert-state.ts';
import { AlertTally } from '../../incident/alert-tally.ts';
import { IncidentState } from '../../incident/incident.ts';
import { CHANGE_ALERTS } from './alert-scripts.ts';
import { incidentKey, KEEP_SECONDS } from './incident-book.ts';
import { parseJson } from './instance-store.ts';

/** Many alerts of one service at once change one tally: each round lets one of them through. */
const MAX_ROUNDS = 200;

export type AlertChange = { tally: AlertTally; looksAgain: boolean };

export interface AlertBook {
  /**
   * Changes the tally of an incident by a pure function, atomically: it is asked again when somebody else was faster.
   * The very same tally back (or null): nothing is written. Throws when the incident is gone.
   */
  change(
    incidentId: string,
    decide: (before: AlertTally | null, state: IncidentState) => AlertChange | null,
  ): Promise<void>;
}

/** The alerts of incidents, in the incident's own hash: gone with it. */
export function createAlertBook(redis: Redis, prefix: string): AlertBook {
  return {
    async change(incidentId, decide) {
      const key = incidentKey(prefix, incidentId);
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        const [stored, storedState] = await redis.hmget(key, 'alerts', 'state');
        if (storedState == null) throw new Error(`the incident ${incidentId} is gone from Redis`);
        const state = IncidentState.parse(storedState);
        const before = parseJson(AlertTally, stored ?? '')[0] ?? null;
        const change = decide(before, state);
        if (change === null || change.tally === before) return;
        const { tally, looksAgain } = change;
        const after = [JSON.stringify(tally), alertState(tally), looksAgain ? 1 : 0, KEEP_SECONDS];
        const written = await redis.eval(CHANGE_ALERTS, 2, key, `${key}:steps`, stored ?? '', state, ...after);
        if (written === 1) return;
      }
      throw new Error(`the alerts of ${incidentId} change too fast`);
    },
  };
}
