import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearMatches } from '../../src/config/near-match.ts';

const SERVICES = ['checkout', 'checkout-worker', 'payments', 'search', 'cart'];

test.each([
  ['chekout', ['checkout']],
  ['CHECKOUT', ['checkout']],
  ['hceckout', ['checkout']],
  ['pay', ['payments']],
  ['check', ['checkout', 'checkout-worker']],
  ['crat', ['cart']],
  ['inventory', []],
  ['', []],
])('%s was meant to be %j', (word, expected) => {
  expect(nearMatches(word, SERVICES)).toEqual(expected);
});

test('the distance is symmetric, zero for equals, and at most the longer length', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      expect(editDistance(a, a)).toBe(0);
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});

test('a pasted book is near to nothing, at once', () => {
  const began = performance.now();
  expect(nearMatches('checkout'.repeat(100_000), SERVICES)).toEqual([]);
  expect(performance.now() - began).toBeLessThan(100);
});
