import { expect, test } from 'vitest';
import { KINDS } from './rollback-cases.ts';
import { surviveRollbacks } from './rollback-faults.ts';

/** The short form of `npm run test:faults -- --rollback`: each kind of fault once, at a point by lot. */
test('an approved rollback is done once, proven and told once, and wakes nobody any more, whatever dies at whichever write', async () => {
  const { points, struck, missed, problems } = await surviveRollbacks({ seed: 11, cases: KINDS.length, atOnce: 4 });
  expect(problems).toEqual([]);
  expect(points).toBeGreaterThan(40);
  expect([...struck.values()].reduce((sum, times) => sum + times, missed.length)).toBe(KINDS.length);
  expect(missed.length).toBeLessThan(KINDS.length);
});
