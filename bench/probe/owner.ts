import { setTimeout } from 'node:timers/promises';
import type { Python } from '../../test/support/pythons.ts';
import { type Goal, load, type Phase, spread } from './goal.ts';
import { newest } from './latency.ts';
import { withService } from './service.ts';

/** The owner of a leak on a large heap: how long the look takes that names it. The window between the looks is left out. */
const REPEATS = 5;
const BETWEEN_MS = 500;
const GOAL_MS = 1_000;

export const owner: Phase = async (pythons) => {
  const python = newest(pythons);
  return [await measure(python, 1_000_000), await measure(python, 5_000_000)];
};

function measure(python: Python, objects: number): Promise<Goal> {
  return withService(python, { objects }, async (service) => {
    const took: number[] = [];
    const named: (string | undefined)[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const began = Date.now();
      const first = await service.look(null);
      const firstTook = Date.now() - began;
      await setTimeout(BETWEEN_MS);
      const again = Date.now();
      const second = await service.look(first);
      took.push(firstTook + Date.now() - again);
      named.push(second.census?.containers[0]?.path);
    }
    const right = named.filter((path) => path === 'app.SESSIONS').length;
    console.log(`owner at ${objects} objects: ${named.join(' ')}, ${load()}`);
    const isMet = right === REPEATS && Math.max(...took) <= GOAL_MS;
    const told = `right ${right} of ${REPEATS}, both looks ${spread(took)} ms`;
    return { goal: `owner named at ${objects / 1e6}M objects within ${GOAL_MS} ms`, isMet, told };
  });
}
