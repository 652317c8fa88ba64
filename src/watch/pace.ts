import { baselineWindowSeconds, type Policy } from '../analysis/policy.ts';
import type { WatchPace } from './hysteresis.ts';

/** Looks in the time that a warning must last: 5 min apart with the default 30 min. */
const LOOKS_PER_WARNING = 6;
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

/**
 * How long each sign must last before somebody is called, as multiples of the warm-up, like every absolute time of the
 * analysis. What a rule of the policy says was sustained already: a second look agrees. Growth is an estimate, and looks
 * 5 min apart see nearly the same data. Measured on seeded services on their first day (docs/detection.md): two looks for
 * every sign would call somebody for 18 of 42 healthy ones that don't fill a cache. Half of the patience for what is all
 * but certain and fast found two more of 221 leaks and accused nobody else of 182 healthy services; a third of it five. A
 * leak that reaches the limit sooner is `critical`.
 */
const LASTS_WARM_UPS = { critical: 0, leak: 6, 'fast-leak': 3, 'slow-leak': 6, warning: 0, suspect: 18 } as const;
const FEWEST_LOOKS = 2;

/** Looks until something is told, believed to be over, and closed (a full window of the policy's). */
export function watchPace(policy: Policy, every: number = watchEverySeconds(policy)): WatchPace {
  const looksIn = (seconds: number): number => Math.max(FEWEST_LOOKS, 1 + Math.ceil(seconds / every));
  const lasts = (sign: keyof typeof LASTS_WARM_UPS): number => looksIn(LASTS_WARM_UPS[sign] * policy.warmUpSeconds);
  return {
    critical: lasts('critical'),
    leak: lasts('leak'),
    'fast-leak': lasts('fast-leak'),
    'slow-leak': lasts('slow-leak'),
    warning: lasts('warning'),
    suspect: lasts('suspect'),
    calm: looksIn(policy.warning.forSeconds),
    closed: looksIn(baselineWindowSeconds(policy)),
  };
}
