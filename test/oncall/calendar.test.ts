import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCalendar } from '../../src/oncall/calendar.ts';
import { personOf, unknownEmails, withUserIds } from '../../src/oncall/person.ts';
import { findGaps, layShifts, onCallAt, type Shift } from '../../src/oncall/rota.ts';

const KNOWN = { fromMs: Date.parse('2026-11-01T00:00:00Z'), toMs: Date.parse('2026-12-10T00:00:00Z') };
const BERLIN = `BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE`;

function calendar(...events: readonly string[]): string {
  const body = events.map(
    (event, i) => `BEGIN:VEVENT\n${event.includes('UID:') ? '' : `UID:e${i}\n`}${event}\nEND:VEVENT`,
  );
  return ['BEGIN:VCALENDAR', 'VERSION:2.0', BERLIN, ...body, 'END:VCALENDAR', ''].join('\n').replaceAll('\n', '\r\n');
}

function shiftsOf(text: string, zone = 'Europe/Berlin', known = KNOWN): Shift[] {
  const read = readCalendar(text, zone, known);
  if (read.outcome !== 'ok') throw new Error(read.why);
  return read.value.shifts;
}

function shown(shifts: readonly Shift[]): string[] {
  const hour = (ms: number): string => new Date(ms).toISOString().slice(5, 13);
  return shifts.map(({ fromMs, toMs, person }) => `${hour(fromMs)} ${hour(toMs)} ${person.userId ?? person.name}`);
}

describe('a calendar', () => {
  it('repeats its events at the same wall-clock time over a change of clocks', () => {
    const weekly = calendar(
      'DTSTART;TZID=Europe/Berlin:20261019T090000\nDTEND;TZID=Europe/Berlin:20261026T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2\nSUMMARY:U0ALICE1',
      'DTSTART;TZID=Europe/Berlin:20261026T090000\nDTEND;TZID=Europe/Berlin:20261102T090000\nRRULE:FREQ=WEEKLY;INTERVAL=2\nSUMMARY:On call <@U0BOB22>',
    );
    const shifts = layShifts(shiftsOf(weekly), []);
    expect(shown(shifts).slice(0, 3)).toEqual([
      '10-26T08 11-02T08 U0BOB22',
      '11-02T08 11-09T08 U0ALICE1',
      '11-09T08 11-16T08 U0BOB22',
    ]);
    expect(findGaps({ shifts, known: KNOWN, problems: [] }, KNOWN)).toEqual([]);
  });

  it('leaves out what is cancelled or excepted, and moves what was moved', () => {
    const text = calendar(
      'UID:a\nDTSTART:20261102T080000Z\nDTEND:20261102T160000Z\nRRULE:FREQ=DAILY;COUNT=5\nEXDATE:20261103T080000Z\nSUMMARY:U0ALICE1',
      'UID:a\nRECURRENCE-ID:20261104T080000Z\nDTSTART:20261104T100000Z\nDTEND:20261104T180000Z\nSUMMARY:U0BOB22',
      'UID:a\nRECURRENCE-ID:20261105T080000Z\nDTSTART:20261105T080000Z\nDTEND:20261105T160000Z\nSTATUS:CANCELLED\nSUMMARY:U0ALICE1',
    );
    expect(shown(shiftsOf(text))).toEqual([
      '11-02T08 11-02T16 U0ALICE1',
      '11-04T10 11-04T18 U0BOB22',
      '11-06T08 11-06T16 U0ALICE1',
    ]);
  });

  it('moves of one event what was moved of it, and nothing of another one at the same time', () => {
    const daily = 'DTSTART:20261102T080000Z\nDTEND:20261102T160000Z\nRRULE:FREQ=DAILY;COUNT=2';
    const text = calendar(
      `UID:a\n${daily}\nSUMMARY:U0ALICE1`,
      `UID:b\n${daily}\nSUMMARY:U0BOB22`,
      'UID:b\nRECURRENCE-ID:20261103T080000Z\nDTSTART:20261103T200000Z\nDTEND:20261103T220000Z\nSUMMARY:U0BOB22',
    );
    expect(shown(shiftsOf(text)).filter((line) => line.endsWith('U0ALICE1'))).toEqual([
      '11-02T08 11-02T16 U0ALICE1',
      '11-03T08 11-03T16 U0ALICE1',
    ]);
  });

  it.each([
    ['the calendar describes its zone', 'Europe/Berlin', 'T19'],
    ['only its name tells its zone', 'Asia/Tokyo', 'T11'],
  ])('ends, leaves out and moves what is told in UTC: %s', (_case, zone, hour) => {
    const utc = (day: number): string => `202611${day}${hour}0000Z`;
    const text = calendar(
      `UID:a\nDTSTART;TZID=${zone}:20261110T200000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=${utc(14)}\nEXDATE:${utc(12)}\nSUMMARY:U0ALICE1`,
      `UID:a\nRECURRENCE-ID:${utc(13)}\nDTSTART:20261113T010000Z\nDURATION:PT1H\nSUMMARY:U0BOB22`,
    );
    const begins = shiftsOf(text).map(({ fromMs, person }) => `${new Date(fromMs).getUTCDate()} ${person.userId}`);
    expect(begins).toEqual(['10 U0ALICE1', '11 U0ALICE1', '13 U0BOB22', '14 U0ALICE1']);
  });

  it("reads whole days, floating times and unknown zones in the team's zone, and says which zone is unknown", () => {
    const text = calendar(
      'DTSTART;VALUE=DATE:20261107\nDTEND;VALUE=DATE:20261109\nSUMMARY:U0ALICE1',
      'DTSTART:20261110T090000\nDURATION:PT8H\nSUMMARY:U0BOB22',
      'DTSTART;TZID=Mars/Base:20261111T090000\nDTEND;TZID=Mars/Base:20261111T100000\nSUMMARY:U0BOB22',
    );
    const read = readCalendar(text, 'America/New_York', KNOWN);
    if (read.outcome !== 'ok') throw new Error(read.why);
    expect(shown(read.value.shifts)).toEqual([
      '11-07T05 11-09T05 U0ALICE1',
      '11-10T14 11-10T22 U0BOB22',
      '11-11T14 11-11T15 U0BOB22',
    ]);
    expect(read.value.problems).toEqual(['the time zone "Mars/Base" is not known: America/New_York was taken']);
  });

  it('finds people by id in title or attendee, else by address, and says who could not be matched', () => {
    const at = (hour: number, rest: string): string =>
      `DTSTART:20261102T0${hour}0000Z\nDTEND:20261102T0${hour + 1}0000Z\n${rest}`;
    const text = calendar(
      at(1, 'SUMMARY:Primary\nATTENDEE;CN=U0ALICE1:mailto:alice@example.com'),
      at(2, 'SUMMARY:Bob\nATTENDEE;CN=Bob:mailto:Bob@Example.com'),
      at(3, 'SUMMARY:WEEKLY ROTATION'),
      at(4, 'SUMMARY:Carol carol@example.com'),
    );
    const read = readCalendar(text, 'UTC', KNOWN);
    if (read.outcome !== 'ok') throw new Error(read.why);
    const rota = { shifts: read.value.shifts, known: KNOWN, problems: read.value.problems };
    expect(rota.problems).toEqual([expect.stringContaining('"WEEKLY ROTATION" is nobody in Slack')]);
    expect(unknownEmails(rota)).toEqual(['bob@example.com', 'carol@example.com']);
    const told = new Map([
      ['bob@example.com', 'U0BOB22'],
      ['carol@example.com', null],
    ]);
    const known = withUserIds(rota, told);
    expect(known.shifts.map(({ person }) => person.userId)).toEqual(['U0ALICE1', 'U0BOB22', null, null]);
    expect(known.problems.at(-1)).toBe('Slack knows nobody with the address carol@example.com');
  });

  it.each([
    ['WEEK48 alice@example.com', null],
    ['WEEKEND2026 alice@example.com', null],
    ['Shift UK2026 of U024BE7LH', 'U024BE7LH'],
    ['UABCDEF12', 'UABCDEF12'],
    ['W2 PRIMARY', null],
  ])('takes no word with a number for an id: %s', (title, userId) => {
    expect(personOf(title, []).userId).toBe(userId);
  });

  it('that is none, or repeats without end, is told instead of being waited for', () => {
    expect(readCalendar('<html>sign in</html>', 'UTC', KNOWN)).toMatchObject({ outcome: 'error', who: 'operator' });
    expect(readCalendar('', 'UTC', KNOWN)).toMatchObject({ outcome: 'error' });
    const endless = calendar('DTSTART:20200101T000000Z\nDTEND:20200101T000001Z\nRRULE:FREQ=SECONDLY\nSUMMARY:U0ALICE1');
    const read = readCalendar(endless, 'UTC', KNOWN);
    expect(read).toMatchObject({ outcome: 'ok', value: { problems: [expect.stringContaining('repeats too often')] } });
  });

  it.each(['FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30', 'FREQ=DAILY;INTERVAL=7;BYDAY=TU', 'FREQ=MINUTELY;BYMONTH=2'])(
    'with the rule %s holds nobody up, and its other events are read',
    (rule) => {
      const text = calendar(
        `DTSTART:20261102T080000Z\nDURATION:PT1H\nRRULE:${rule}\nSUMMARY:U0ALICE1`,
        'DTSTART:20261110T080000Z\nDURATION:PT1H\nSUMMARY:U0BOB22',
      );
      const read = readCalendar(text, 'UTC', KNOWN);
      if (read.outcome !== 'ok') throw new Error(read.why);
      expect(shown(read.value.shifts).at(-1)).toBe('11-10T08 11-10T09 U0BOB22');
      expect(read.value.problems).toEqual([expect.stringContaining('finds no further time')]);
    },
  );
});

describe('shifts laid over each other', () => {
  const Piece = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 30 }), fc.constantFrom('U0A', 'U0B', 'U0C')).map(
    ([fromMs, length, name]): Shift => ({
      fromMs,
      toMs: fromMs + length,
      person: { userId: name, name, email: null },
    }),
  );

  it('are never two at once, cover what any of them covered, and obey the overrides', () => {
    fc.assert(
      fc.property(fc.array(Piece, { maxLength: 8 }), fc.array(Piece, { maxLength: 4 }), (primary, overrides) => {
        const laid = layShifts(primary, overrides);
        const wrong = Array.from({ length: 100 }, (_, at) => {
          const covers = ({ fromMs, toMs }: Shift): boolean => fromMs <= at && at < toMs;
          const now = laid.filter(covers);
          const asked = overrides.some(covers) ? overrides.filter(covers) : primary.filter(covers);
          const last = Math.max(...asked.map(({ fromMs }) => fromMs));
          const allowed = asked.filter(({ fromMs }) => fromMs === last).map(({ person }) => person.name);
          const isRight =
            now.length === Math.min(1, asked.length) && now.every(({ person }) => allowed.includes(person.name));
          return isRight ? [] : [at];
        });
        expect(wrong.flat()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('tell now, next, the backup and gaps; a person whom Slack does not know is a gap', () => {
    const [a, b] = ['U0ALICE1', 'U0BOB22'].map((id) => ({ userId: id, name: id, email: null }));
    const nobody = { userId: null, name: 'Carol', email: null };
    if (a === undefined || b === undefined) throw new Error('two people');
    const shifts = [
      { fromMs: 0, toMs: 10, person: a },
      { fromMs: 10, toMs: 20, person: b },
      { fromMs: 25, toMs: 30, person: nobody },
      { fromMs: 30, toMs: 40, person: a },
    ];
    const rota = { shifts, known: { fromMs: 0, toMs: 50 }, problems: [] };
    expect(onCallAt(rota, 15)).toMatchObject({
      people: [shifts[1]?.person],
      now: shifts[1],
      next: shifts[2],
      backup: a,
    });
    expect(onCallAt(rota, 22)).toEqual({ people: [], now: null, next: shifts[2], backup: b });
    expect(findGaps(rota, { fromMs: 5, toMs: 60 })).toEqual([
      { fromMs: 20, toMs: 30 },
      { fromMs: 40, toMs: 50 },
    ]);
  });
});
