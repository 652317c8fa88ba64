/** Who is woken for what: one table, read from top to bottom. */
import type { Trouble } from '../incident/pager.ts';

export type PageCase = {
  trouble: Trouble;
  /** Is the team at work now? */
  isStaffed: boolean;
  /** What the OOM clock says; `unknown`: there is no time to the limit. */
  clock: 'now' | 'before-close' | 'can-wait' | 'unknown';
  /** Off-hours: has the last moment passed at which one could still act in time? */
  isTimeUp: boolean;
  /** Somebody asked for this triage and looks at it, and nothing became worse since. */
  isAskedFor: boolean;
};

/**
 * `page`: mention and direct message at once, then escalation. `page-unless-taken`: the same, unless somebody
 * acknowledges within the first wait. `raise`: a mention in the thread, during working hours, and no escalation.
 * `recheck`: nobody is told now; it is decided anew at the last moment at which one could still act.
 * `thread`: the thread and the digest are enough.
 */
export type PageDecision = 'page' | 'page-unless-taken' | 'raise' | 'recheck' | 'thread';

type Row = { when: Partial<{ [K in keyof PageCase]: readonly PageCase[K][] }>; decision: PageDecision };

export const PAGING_TABLE: readonly Row[] = [
  { when: { trouble: ['none'] }, decision: 'thread' },
  // A kill is an outage of its requests already, whoever asked for what before.
  { when: { trouble: ['oom'] }, decision: 'page' },
  { when: { trouble: ['critical'], isAskedFor: [true] }, decision: 'page-unless-taken' },
  { when: { trouble: ['critical'] }, decision: 'page' },
  // At work: only what would kill before somebody is back, or today, is worth more than its thread.
  { when: { trouble: ['warning'], isStaffed: [true], clock: ['now', 'before-close'] }, decision: 'raise' },
  { when: { trouble: ['warning'], isStaffed: [true] }, decision: 'thread' },
  // Off-hours: sleep as long as there is time to act, and not longer.
  { when: { trouble: ['warning'], clock: ['now'], isTimeUp: [true] }, decision: 'page' },
  { when: { trouble: ['warning'], clock: ['now'] }, decision: 'recheck' },
  { when: { trouble: ['warning'] }, decision: 'thread' },
];

export function decidePage(given: PageCase): PageDecision {
  const row = PAGING_TABLE.find(({ when }) => matches(when, given));
  // The last rows leave nothing open: every trouble has one without a condition.
  return row?.decision ?? 'page';
}

function matches({ trouble, isStaffed, clock, isTimeUp, isAskedFor }: Row['when'], given: PageCase): boolean {
  return (
    isIn(trouble, given.trouble) &&
    isIn(isStaffed, given.isStaffed) &&
    isIn(clock, given.clock) &&
    isIn(isTimeUp, given.isTimeUp) &&
    isIn(isAskedFor, given.isAskedFor)
  );
}

function isIn<T>(allowed: readonly T[] | undefined, value: T): boolean {
  return allowed === undefined || allowed.includes(value);
}
