import type { AlertTally } from './alert-tally.ts';

/** Does something fire, is all of it over, or was it told of what never resolves? */
export function alertState({ firing, quietSince }: AlertTally): 'firing' | 'quiet' | 'told' {
  if (quietSince !== null) return 'quiet';
  return firing.length > 0 ? 'firing' : 'told';
}
