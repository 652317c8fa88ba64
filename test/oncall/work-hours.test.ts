import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oomClockPhrase, readOomClock } from '../../src/oncall/oom-clock.ts';
import { createWorkHours, isFirstWorkdayOfWeek } from '../../src/oncall/work-hours.ts';
import { localDay } from '../../src/oncall/zone-time.ts';

const LA = 'America/Los_Angeles';
const OFFICE = { weekdays: [1, 2, 3, 4, 5], fromMinute: 540, toMinute: 1080 };
const NO_OWN = { country: null, state: null, add: [], remove: [] };

function hoursOf(own: { add?: string[]; remove?: string[] } = {}, names: [string, string][] = [], timezone = LA) {
  return createWorkHours({ timezone, businessHours: OFFICE, holidays: { ...NO_OWN, ...own } }, new Map(names));
}

const at = (rfc3339: string): number => Date.parse(rfc3339);
const HOUR = 3600;

describe('working hours', () => {
  it("are read in the team's zone: Friday evening in Los Angeles is Saturday in London", () => {
    const hours = hoursOf();
    expect(hours.at(at('2026-11-20T23:59:00Z')).kind).toBe('open');
    expect(hours.at(at('2026-11-21T02:00:00Z')).kind).toBe('evening');
    expect(hours.at(at('2026-11-21T09:00:00Z')).kind).toBe('weekend');
    expect(hours.at(at('2026-11-23T16:59:59Z')).kind).toBe('evening');
    expect(hours.at(at('2026-11-23T17:00:00Z')).kind).toBe('open');
  });

  it('leave public holidays out, with what the team adds and removes', () => {
    const names: [string, string][] = [
      ['2026-11-26', 'Thanksgiving Day'],
      ['2026-11-27', 'Day after Thanksgiving Day'],
    ];
    const hours = hoursOf({ add: ['2026-11-25'], remove: ['2026-11-27'] }, names);
    expect(hours.at(at('2026-11-25T19:00:00Z'))).toEqual({ kind: 'holiday', name: 'day off' });
    expect(hours.at(at('2026-11-26T19:00:00Z'))).toEqual({ kind: 'holiday', name: 'Thanksgiving Day' });
    expect(hours.at(at('2026-11-27T19:00:00Z')).kind).toBe('open');
    expect(hours.nextOpen(at('2026-11-25T02:00:00Z'))).toBe(at('2026-11-27T17:00:00Z'));
  });

  it('open at the same wall-clock hour after clocks changed over a weekend', () => {
    const hours = hoursOf();
    expect(hours.nextOpen(at('2026-03-07T12:00:00Z'))).toBe(at('2026-03-09T16:00:00Z'));
    expect(hours.nextOpen(at('2026-10-31T12:00:00Z'))).toBe(at('2026-11-02T17:00:00Z'));
  });

  it('that end at midnight do so also on a day that begins at 01:00', () => {
    const allDay = { weekdays: [7], fromMinute: 540, toMinute: 1440 };
    const santiago = 'America/Santiago';
    const hours = createWorkHours({ timezone: santiago, businessHours: allDay, holidays: NO_OWN }, new Map());
    expect(hours.at(at('2026-09-06T20:00:00Z'))).toEqual({ kind: 'open', closesMs: at('2026-09-07T03:00:00Z') });
  });

  it('never name an opening that is not one, whatever zone and moment', () => {
    const zones = fc.constantFrom(LA, 'Europe/Berlin', 'Australia/Lord_Howe', 'Africa/Cairo', 'Pacific/Chatham');
    const moments = fc.date({ min: new Date('2026-01-01'), max: new Date('2029-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(zones, moments, fc.array(fc.nat(20)), (zone, moment, offDays) => {
        const add = offDays.map((days) => localDay(moment.getTime() + days * 86_400_000, zone));
        const hours = hoursOf({ add }, [], zone);
        const next = hours.nextOpen(moment.getTime());
        const isOpen = next !== null && hours.at(next).kind === 'open' && next >= moment.getTime();
        const isFirst = next === moment.getTime() || (next !== null && hours.at(next - 1).kind !== 'open');
        expect([isOpen, isFirst]).toEqual([true, true]);
      }),
      { numRuns: 60 },
    );
  });

  it('that never open are not waited for', () => {
    const hours = createWorkHours(
      { timezone: LA, businessHours: { ...OFFICE, weekdays: [] }, holidays: NO_OWN },
      new Map(),
    );
    expect(hours.nextOpen(at('2026-11-20T12:00:00Z'))).toBeNull();
  });

  it('know the first working day of a week, also when Monday is a holiday', () => {
    const hours = hoursOf({ add: ['2026-11-23'] });
    const days = ['2026-11-22', '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-30'];
    expect(days.filter((day) => isFirstWorkdayOfWeek(day, hours))).toEqual(['2026-11-24', '2026-11-30']);
  });
});

describe('the OOM clock', () => {
  const read = (nowMs: number, low: number, high: number, hours = hoursOf()) => {
    const clock = readOomClock({ low: low * HOUR, high: high * HOUR }, { measuredMs: nowMs, nowMs, hours });
    return [clock.decide, oomClockPhrase(clock, nowMs, LA)];
  };
  const FRIDAY_NOON = at('2026-11-20T20:00:00Z');
  const SATURDAY_NOON = at('2026-11-21T20:00:00Z');

  it('says on Friday that Sunday will kill, and until when that can be decided', () => {
    expect(read(FRIDAY_NOON, 38 + 1 / 6, 40.5)).toEqual([
      'before-close',
      'OOM Sun 02:10-04:30; staffed until Fri 18:00 and from Mon 09:00 on; decide before Fri 18:00',
    ]);
  });

  it('says on Saturday that Sunday is before the next staffed hour', () => {
    expect(read(SATURDAY_NOON, 14 + 1 / 6, 16.5)).toEqual([
      'now',
      'OOM Sun 02:10-04:30; next staffed hour Mon 09:00; decide now',
    ]);
  });

  it('lets wait what holds until somebody is there and has had time to act', () => {
    expect(read(SATURDAY_NOON, 47, 60)).toEqual([
      'can-wait',
      'OOM Mon 11:00-Tue 00:00; next staffed hour Mon 09:00; can wait until Mon 09:00, 2 h before the limit',
    ]);
    expect(read(SATURDAY_NOON, 46, 60)[0]).toBe('now');
  });

  it('counts a public holiday as nobody there', () => {
    const withHoliday = hoursOf({ add: ['2026-11-23'] });
    expect(read(SATURDAY_NOON, 50, 60, withHoliday)[0]).toBe('now');
  });

  it('has words for a limit that is there already and for one that is perhaps never reached', () => {
    expect(read(SATURDAY_NOON, 0, 1)[1]).toMatch(/^OOM may come at any moment; /);
    expect(read(FRIDAY_NOON, 2, Number.POSITIVE_INFINITY)).toEqual([
      'now',
      'OOM Fri 14:00 at the earliest; staffed until Fri 18:00 and from Mon 09:00 on; decide now',
    ]);
  });
});
