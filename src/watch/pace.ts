import { baselineWindowSeconds, type Policy } from '../analysis/policy.ts';

/**
 * Looks in the time that a warning must last. Six see what lasts that long for certain, and are 5 min apart with the
 * default 30 min.
 */
export const LOOKS_PER_WARNING = 6;
/** Reading and analysing a day of one instance costs some 10 ms: twice a second would be a load, once is none. */
const FASTEST_SECONDS = 1;
/** "Every few minutes", whatever the policy: a page must not wait for an hour because a warning may last for six. */
const SLOWEST_SECONDS = 300;
/** A day shows the daily cycle, and what came before the deploy of the morning; the same as a command looks at. */
const DAY_SECONDS = 86_400;

/** Seconds between two looks at a service, 1 to 300: a sixth of the time that a warning must last. */
export function watchEverySeconds({ warning }: Policy): number {
  return Math.min(SLOWEST_SECONDS, Math.max(FASTEST_SECONDS, warning.forSeconds / LOOKS_PER_WARNING));
}

/** How far back one look reads, seconds: a day, and more where the policy's own windows are longer. */
export function watchWindowSeconds(policy: Policy): number {
  return Math.max(DAY_SECONDS, baselineReadSeconds(policy));
}

/** Of that, what a new baseline is made from: warm-up, the window itself, and as much again to see the lives compared. */
export function baselineReadSeconds(policy: Policy): number {
  return 2 * (policy.warmUpSeconds + baselineWindowSeconds(policy));
}

/** Healthy looks after which an incident is closed: a full window of the policy's, 72 (6 h) by default. */
export function looksUntilClosed(policy: Policy): number {
  return Math.ceil(baselineWindowSeconds(policy) / watchEverySeconds(policy));
}
