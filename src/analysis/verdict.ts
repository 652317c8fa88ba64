import type { Burn, MemoryState, SeriesAnalysis, Verdict } from './series.ts';

/**
 * The worse of the SLO's state and the leak's. A leak is a warning, and pages when it has burned more than the allowed
 * growth of the long window (`burnWindows`), or when the earliest end of the time to the limit is within the reaction
 * time of on-call: that can't wait to be sustained.
 */
export function verdictOf(seen: {
  state: MemoryState;
  sloState: SeriesAnalysis['sloState'];
  burn: Burn | null;
  isLimitSoon: boolean;
}): Verdict {
  const { state, sloState, burn, isLimitSoon } = seen;
  if (sloState === 'critical') return 'critical';
  if (state === 'leak') return burn?.isSustained === true || isLimitSoon ? 'critical' : 'warning';
  if (sloState === 'warning' || state === 'suspect') return 'warning';
  return state === 'inconclusive' ? 'inconclusive' : 'healthy';
}
