import { expect, test } from 'vitest';
import { WORLD_FAULTS } from './plan.ts';
import { survive } from './survive.ts';

/** The short form of `npm run test:faults`: each fault of what runs share once, and some of Slack's. */
test('whatever dies or lies in between, each alert is counted once, in one thread with one final report', async () => {
  const { runs, problems, faults } = await survive({
    seed: 11,
    runs: 5,
    atOnce: 5,
    worldFaults: WORLD_FAULTS.length,
    spanMs: 6000,
  });
  expect(problems).toEqual([]);
  expect(runs).toBe(5);
  for (const kind of WORLD_FAULTS) expect(faults.get(kind)).toBe(1);
});
