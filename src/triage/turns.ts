import { setImmediate } from 'node:timers/promises';

/**
 * Gives out turns to compute, one in each round of the event loop, in the order of asking. An analysis holds the loop for
 * some 70 ms: a hundred walks that began together would otherwise leave Redis's answers unread until commands time out.
 */
export function createTurns(): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return () => {
    last = last.then(async () => await setImmediate());
    return last;
  };
}
