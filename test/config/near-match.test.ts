import { expect, test } from 'vitest';
import { nearMatches } from '../../src/config/near-match.ts';

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
