import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { findGaps, onCallAt } from '../../src/oncall/rota.ts';
import { rotationShifts } from '../../src/oncall/rotation.ts';
import { DAY_MS } from '../../src/oncall/zone-time.ts';

/** Northern and southern clocks, half hours, changes at midnight, and one without any. */
const ZONES = [
  'America/Los_Angeles',
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Africa/Cairo',
  'Asia/Kolkata',
  'Pacific/Chatham',
  'Asia/Beirut',
  'UTC',
];

const Rotation = fc.record({
  source: fc.constant('rotation' as const),
  members: fc.uniqueArray(fc.constantFrom<string>('U0A', 'U0B', 'U0C', 'U0D', 'U0E'), { minLength: 1 }),
  handoff: fc.record({ weekday: fc.integer({ min: 1, max: 7 }), minute: fc.integer({ min: 0, max: 1439 }) }),
  since: fc
    .date({ min: new Date('2023-12-20'), max: new Date('2025-03-31'), noInvalidDate: true })
    .map((day) => day.toISOString().slice(0, 10)),
});
/** Moments around leap days, year ends and both changes of clocks come up in every few of them. */
const Moment = fc.date({ min: new Date('2025-04-10'), max: new Date('2029-02-01'), noInvalidDate: true });

describe('a weekly rotation', () => {
  it('leaves no gap and hands nothing over twice, in any zone, over any year end, leap day and change of clocks', () => {
    fc.assert(
      fc.property(Rotation, fc.constantFrom(...ZONES), Moment, (rotation, zone, from) => {
        const known = { fromMs: from.getTime(), toMs: from.getTime() + 40 * DAY_MS };
        const rota = rotationShifts(rotation, zone, known);
        const order = rotation.members;
        const wrong = rota.shifts.filter((shift, index) => {
          const next = rota.shifts[index + 1] ?? null;
          const after = order[(order.indexOf(shift.person.name) + 1) % order.length];
          const isFollowed = next === null || (next.fromMs === shift.toMs && next.person.userId === after);
          return shift.toMs <= shift.fromMs || !isFollowed;
        });
        expect([findGaps(rota, known), wrong]).toEqual([[], []]);
      }),
      { numRuns: 60 },
    );
  });

  it('hands over at the wall-clock time, and at the first moment after it where clocks jump over it', () => {
    fc.assert(
      fc.property(Rotation, fc.constantFrom(...ZONES), Moment, (rotation, zone, from) => {
        const known = { fromMs: from.getTime(), toMs: from.getTime() + 40 * DAY_MS };
        const wrong = rotationShifts(rotation, zone, known).shifts.filter(({ fromMs }) => {
          const local = DateTime.fromMillis(fromMs, { zone });
          const { weekday, minute } = rotation.handoff;
          const isPunctual = local.weekday === weekday && local.hour * 60 + local.minute === minute;
          return !isPunctual && local.offset === local.minus({ minutes: 90 }).offset;
        });
        expect(wrong).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('tells the same person whatever part of time is asked for', () => {
    fc.assert(
      fc.property(Rotation, fc.constantFrom(...ZONES), Moment, fc.nat(20), (rotation, zone, at, days) => {
        const atMs = at.getTime();
        const near = rotationShifts(rotation, zone, { fromMs: atMs - 1, toMs: atMs + 1 });
        const far = rotationShifts(rotation, zone, { fromMs: atMs - days * DAY_MS, toMs: atMs + 30 * DAY_MS });
        expect(onCallAt(near, atMs).now).toEqual(onCallAt(far, atMs).now);
      }),
      { numRuns: 60 },
    );
  });

  it('has an hour more or less in the weeks when clocks change', () => {
    const rotation = {
      source: 'rotation' as const,
      members: ['U0ALICE', 'U0BOB'],
      handoff: { weekday: 1, minute: 540 },
      since: '2026-01-05',
    };
    const hours = (day: string): number => {
      const atMs = Date.parse(`${day}T18:00:00Z`);
      const { now } = onCallAt(rotationShifts(rotation, 'America/Los_Angeles', { fromMs: atMs, toMs: atMs + 1 }), atMs);
      return now === null ? 0 : (now.toMs - now.fromMs) / 3_600_000;
    };
    expect([hours('2026-03-04'), hours('2026-10-28'), hours('2026-06-10')]).toEqual([167, 169, 168]);
  });

  it('begins with its first member on the day `since`, also in the middle of a week, and has nobody before', () => {
    const rotation = {
      source: 'rotation' as const,
      members: ['U0ALICE', 'U0BOB'],
      handoff: { weekday: 1, minute: 540 },
      since: '2026-01-08',
    };
    const known = { fromMs: Date.parse('2026-01-01T00:00:00Z'), toMs: Date.parse('2026-01-31T00:00:00Z') };
    const rota = rotationShifts(rotation, 'UTC', known);
    expect(findGaps(rota, known)).toEqual([{ fromMs: known.fromMs, toMs: Date.parse('2026-01-08T09:00:00Z') }]);
    const shown = rota.shifts.map(
      ({ fromMs, person }) => `${new Date(fromMs).toISOString().slice(0, 13)} ${person.name}`,
    );
    expect(shown.slice(0, 3)).toEqual(['2026-01-08T09 U0ALICE', '2026-01-12T09 U0BOB', '2026-01-19T09 U0ALICE']);
    expect(onCallAt(rota, Date.parse('2026-01-14T00:00:00Z')).backup?.userId).toBe('U0ALICE');
  });
});
