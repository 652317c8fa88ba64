import { AlertTally } from '../../incident/alert-tally.ts';
import { parseJson } from './instance-store.ts';

export interface TallyReader {
  /** The stored text as a tally, not to be changed; null: there is none, or it can't be read. */
  read(incidentId: string, json: string): AlertTally | null;
  /** What is stored from now on. */
  keep(incidentId: string, json: string, tally: AlertTally): void;
}

/** Code units of JSON: the tallies of some 300 services in a storm. Parsed they take about three times as much. */
const MAX_KEPT = 4 * 1024 ** 2;

/**
 * Who takes one alert reads the tally of its incident six times, most often unchanged. Parsed each time, that was a third of
 * all that a bot allocates in a storm; so what was read or written last is remembered, and used if the text is the same.
 */
export function createTallyReader(): TallyReader {
  const kept = new Map<string, { json: string; tally: AlertTally }>();
  let length = 0;

  function forget(incidentId: string): void {
    length -= kept.get(incidentId)?.json.length ?? 0;
    kept.delete(incidentId);
  }

  function keep(incidentId: string, json: string, tally: AlertTally): void {
    forget(incidentId);
    // A Map tells its keys in the order of their setting: the first was not asked for the longest time.
    for (const oldest of kept.keys()) {
      if (length + json.length <= MAX_KEPT) break;
      forget(oldest);
    }
    kept.set(incidentId, { json, tally });
    length += json.length;
  }

  return {
    keep,
    read(incidentId, json) {
      const known = kept.get(incidentId);
      const tally = known?.json === json ? known.tally : (parseJson(AlertTally, json)[0] ?? null);
      if (tally !== null) keep(incidentId, json, tally);
      return tally;
    },
  };
}
