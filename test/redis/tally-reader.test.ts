import { expect, it } from 'vitest';
import { createTallyReader } from '../../src/adapters/redis/tally-reader.ts';
import type { AlertTally } from '../../src/incident/alert-tally.ts';
import { countOccurrence } from '../../src/incident/count-alerts.ts';

function tallyOf(summary: string): AlertTally {
  const [kind, startsAt] = ['oom' as const, '2026-11-22T10:00:00Z'];
  const alert = { key: 'k', fingerprint: null, source: 'test', kind, name: 'kill', summary, instance: null, startsAt };
  return countOccurrence(null, alert, { nowMs: Date.parse(startsAt), isOver: false });
}

it('gives the same tally again for the same text, and what another bot wrote once the text is another', () => {
  const tallies = createTallyReader();
  const [json, newer] = ['first', 'second'].map((summary) => JSON.stringify(tallyOf(summary)));
  const read = tallies.read('M-1', json ?? '');
  expect(read).toEqual(tallyOf('first'));
  expect(tallies.read('M-1', `${json}`)).toBe(read);
  expect(tallies.read('M-1', newer ?? '')).toEqual(tallyOf('second'));
  expect(tallies.read('M-2', '')).toBeNull();
  expect(tallies.read('M-1', '{"schema":2}')).toBeNull();
});

it('forgets what was not asked for the longest time, so that its memory has a bound', () => {
  const tallies = createTallyReader();
  // 1.1 MiB each: three are kept.
  const large = JSON.stringify(tallyOf('x'.repeat(1.1 * 1024 ** 2)));
  const reads = ['M-1', 'M-2', 'M-3', 'M-4'].map((id) => [id, tallies.read(id, large)] as const);
  const known = reads.filter(([id, tally]) => id !== 'M-1' && tallies.read(id, large) === tally);
  expect(known).toHaveLength(3);
  expect(tallies.read('M-1', large)).not.toBe(reads[0]?.[1]);
});
