import type { MemoryState } from '../analysis/series.ts';
import type { LeakPatternName } from '../analysis/snapshot.ts';

/** What the decision table looks at, and nothing else. */
export type Situation = {
  state: MemoryState;
  /** Level against the baseline by policy; null without a baseline. */
  slo: 'ok' | 'warning' | 'critical' | null;
  /** When the growth (or the step in level) began, as far as the series can tell. */
  began: 'with-this-release' | 'before-this-release' | 'too-early-to-tell' | 'unknown';
  /** The release before this one has a baseline that was recorded while it was healthy. */
  previousIsHealthy: boolean;
  pattern: LeakPatternName | null;
  /** OOM kills by policy, or the limit is less than `URGENT_SECONDS` away at the fast end of the interval. */
  urgent: boolean;
};

/**
 * The limit counts as near when it may be reached within 4 h: an escalation chain of three levels, a decision and a
 * slow rollout fit into it with room (PagerDuty's incident guide: 5 min a level; a large rollout: an hour).
 */
export const URGENT_SECONDS = 4 * 3600;
