import type { Redis } from 'ioredis';
import { alertState } from '../../incident/alert-state.ts';
import type { AlertTally } from '../../incident/alert-tally.ts';
import { IncidentState } from '../../incident/incident.ts';
import { CHANGE_ALERTS } from './alert-scripts.ts';
import { incidentKey, KEEP_SECONDS } from './incident-book.ts';
import { createTallyReader, type TallyReader } from './tally-reader.ts';

/** Many alerts of one service at once change one tally: each round lets one of them through. */
const MAX_ROUNDS = 200;

export type AlertChange = { tally: AlertTally; looksAgain: boolean };

type Decide = (before: AlertTally | null, state: IncidentState) => AlertChange | null;

export interface AlertBook {
  /**
   * Changes the tally of an incident by a pure function, atomically: it is asked again when somebody else was faster.
   * The very same tally back (or null): nothing is written. Throws when the incident is gone.
   */
  change(incidentId: string, decide: Decide): Promise<void>;
}

/** The alerts of incidents, in the incident's own hash: gone with it. */
export function createAlertBook(redis: Redis, prefix: string, tallies: TallyReader = createTallyReader()): AlertBook {
  const change = inBatches((incidentId, decides) => changeAll({ redis, prefix, tallies }, incidentId, decides));
  return { change };
}

type Store = { redis: Redis; prefix: string; tallies: TallyReader };

async function changeAll(
  { redis, prefix, tallies }: Store,
  incidentId: string,
  decides: readonly Decide[],
): Promise<void> {
  const key = incidentKey(prefix, incidentId);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const [stored, storedState] = await redis.hmget(key, 'alerts', 'state');
    if (storedState == null) throw new Error(`the incident ${incidentId} is gone from Redis`);
    const state = IncidentState.parse(storedState);
    const before = tallies.read(incidentId, stored ?? '');
    const { tally, looksAgain } = decideAll(before, state, decides);
    if (tally === null || tally === before) return;
    const json = JSON.stringify(tally);
    const after = [json, alertState(tally), looksAgain ? 1 : 0, KEEP_SECONDS];
    const written = await redis.eval(CHANGE_ALERTS, 2, key, `${key}:steps`, stored ?? '', state, ...after);
    if (written !== 1) continue;
    tallies.keep(incidentId, json, tally);
    return;
  }
  throw new Error(`the alerts of ${incidentId} change too fast`);
}

/** One after the other, as if each had been written before the next was asked. */
function decideAll(
  before: AlertTally | null,
  storedState: IncidentState,
  decides: readonly Decide[],
): { tally: AlertTally | null; looksAgain: boolean } {
  let tally = before;
  let state = storedState;
  let looksAgain = false;
  for (const decide of decides) {
    const change = decide(tally, state);
    if (change === null || change.tally === tally) continue;
    tally = change.tally;
    if (change.looksAgain) state = 'triaging';
    looksAgain ||= change.looksAgain;
  }
  return { tally, looksAgain };
}

/**
 * What comes for one incident while its tally is being written is done together in the next round: 10,000 alerts in a
 * minute, each read, judged and written by itself, lost their turns to each other.
 */
function inBatches(
  changeTogether: (incidentId: string, decides: readonly Decide[]) => Promise<void>,
): AlertBook['change'] {
  const running = new Map<string, Promise<void>>();
  const next = new Map<string, { decides: Decide[]; done: Promise<void> }>();

  function startNext(incidentId: string, decides: readonly Decide[]): Promise<void> {
    next.delete(incidentId);
    const mine = changeTogether(incidentId, decides).finally(() => {
      if (running.get(incidentId) === mine) running.delete(incidentId);
    });
    running.set(incidentId, mine);
    return mine;
  }

  return async (incidentId, decide) => {
    const current = running.get(incidentId);
    if (current === undefined) return await startNext(incidentId, [decide]);
    const waiting = next.get(incidentId);
    if (waiting !== undefined) {
      waiting.decides.push(decide);
      return await waiting.done;
    }
    const decides = [decide];
    const done = current.catch(() => {}).then(async () => await startNext(incidentId, decides));
    next.set(incidentId, { decides, done });
    await done;
  };
}
