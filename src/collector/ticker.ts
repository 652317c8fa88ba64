import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * Calls `tick` every `everySeconds` until the signal aborts, the first time at once. On a grid of the monotonic clock:
 * no drift, no effect of clock steps, no overlap. Ticks that were missed (a suspended machine) are left out, not made up
 * for: the past can't be sampled.
 */
export async function everyTick(everySeconds: number, tick: () => void, signal: AbortSignal): Promise<void> {
  const start = performance.now();
  const everyMs = everySeconds * 1000;
  for (let next = 0; !signal.aborted; ) {
    tick();
    next = Math.max(next + 1, Math.ceil((performance.now() - start) / everyMs));
    await wait(Math.max(0, start + next * everyMs - performance.now()), undefined, { signal }).catch(() => {});
  }
}
