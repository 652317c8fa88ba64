import { expect, test } from 'vitest';
import { surviveRollbacks } from './rollback-faults.ts';

const CASES = 3;

/** The short form of `npm run test:faults -- --rollback`: some kinds of fault, each at a write by lot. */
test('an approved rollback is done once, proven and told once, and wakes nobody any more, whatever dies at whichever write', async () => {
  const { points, struck, missed, problems } = await surviveRollbacks({ seed: 11, cases: CASES, atOnce: CASES });
  expect(problems).toEqual([]);
  expect(points).toBeGreaterThan(40);
  expect([...struck.values()].reduce((sum, times) => sum + times, missed.length)).toBe(CASES);
  expect(missed.length).toBeLessThan(CASES);
});
