import { expect, it } from 'vitest';
import { walkWeeks } from './weeks.ts';

/** Ten thousand are walked by `npm run bench:oncall`. */
it('in hundreds of simulated weeks nobody is paged without need, and nobody is missed', () => {
  const told = walkWeeks(200, 1);
  expect(told.wrong.slice(0, 10)).toEqual([]);
  // The weeks are no empty ones.
  expect(Math.min(told.incidents - 100, told.pages - 100, told.raised - 20, told.quiet - 20)).toBeGreaterThan(0);
});
