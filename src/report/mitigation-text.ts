import type { Rollback } from '../incident/rollback.ts';
import { formatDuration } from '../units.ts';

/** `rollback v812 → v811 recovered, 42 min to mitigation`. Plain text. */
export function mitigationPhrase({ from, to, state, proof, declined }: Rollback): string {
  const why = declined === null ? '' : ` (${declined.reason})`;
  const took = proof === null ? '' : `, ${formatDuration(proof.secondsToMitigation)} to mitigation`;
  return `rollback ${from} → ${to} ${state}${why}${took}`;
}
