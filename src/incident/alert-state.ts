import type { AlertTally } from './alert-tally.ts';

/** Does something fire, is all of it over, or was it told of what never resolves? */
export function alertState({ firing, quietSince }: AlertTally): 'firing' | 'quiet' | 'told' {
  if (quietSince !== null) return 'quiet';
  return firing.length > 0 ? 'firing' : 'told';
}

/** An end may be lost (`send_resolved: false`, a sender that is gone): what nothing was told of for that long fires no more. */
const BELIEVED_MS = 86_400_000;

/** Something fires, as far as was told within a day. `nowMs`: epoch milliseconds. */
export function stillFires(tally: AlertTally, nowMs: number): boolean {
  const newest = tally.timeline.at(-1);
  return alertState(tally) === 'firing' && newest !== undefined && nowMs - Date.parse(newest.at) < BELIEVED_MS;
}
