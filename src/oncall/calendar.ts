/** iCal text into shifts: single and repeated events, their exceptions, and the zone that each of them is written in. */
import ICAL from 'ical.js';
import { IANAZone } from 'luxon';
import { failed, messageOf, type Outcome, ok } from '../errors.ts';
import {
  alignToWallClock,
  createRuleBound,
  EndlessRule,
  exceptionsByUid,
  isException,
  uidOf,
} from './calendar-rules.ts';
import { personOf } from './person.ts';
import type { Person, Shift, Span } from './rota.ts';
import { naiveToMs } from './zone-time.ts';

/** A rota of a whole company has some hundreds; what is beyond is told, not read. */
const MAX_EVENTS = 5000;
/** Of one event, and of all: hourly shifts of ten years are 88,000, daily ones 3,650. */
const MAX_REPEATS = 20_000;
const MAX_STEPS = 100_000;

export type CalendarShifts = { shifts: Shift[]; problems: string[] };

type Reading = { zone: string; known: Span; stepsLeft: number; shifts: Shift[]; problems: Set<string> };

/**
 * The shifts of a calendar that touch `known`. Floating times and whole days are read in `zone`, the team's. A repeated
 * event keeps its wall-clock times over a change of clocks. Events without a Slack user id are shifts of a person
 * without one, and a problem names them.
 */
export function readCalendar(text: string, zone: string, known: Span): Outcome<CalendarShifts> {
  const reading: Reading = { zone, known, stepsLeft: MAX_STEPS, shifts: [], problems: new Set() };
  try {
    const events = eventsOf(text);
    if (events.length > MAX_EVENTS) reading.problems.add(`only ${MAX_EVENTS} of ${events.length} events were read`);
    for (const event of events.slice(0, MAX_EVENTS)) readEvent(event, reading);
  } catch (error) {
    return failed(
      'operator',
      `it is no iCal calendar: ${messageOf(error)}`,
      'Check the file or address of the calendar',
    );
  }
  return ok({ shifts: reading.shifts, problems: [...reading.problems] });
}

/** Repeated events bring their exceptions along; an exception whose event is gone stands for itself. */
function eventsOf(text: string): ICAL.Event[] {
  const parsed: unknown = ICAL.parse(text);
  if (!Array.isArray(parsed) || parsed.length === 0) throw new Error('nothing in it');
  const roots: unknown[] = typeof parsed[0] === 'string' ? [parsed] : parsed;
  const components = roots.flatMap((root) => {
    if (!Array.isArray(root) || root[0] !== 'vcalendar') throw new Error('it does not begin with VCALENDAR');
    return new ICAL.Component(root).getAllSubcomponents('vevent');
  });
  const masters = new Set(components.filter((one) => !isException(one)).map(uidOf));
  const exceptionsOf = exceptionsByUid(components);
  const bound = createRuleBound();
  return components
    .filter((one) => !isException(one) || !masters.has(uidOf(one)))
    .map((one) => {
      if (isException(one)) return new ICAL.Event(one);
      const exceptions = exceptionsOf(one);
      alignToWallClock(one, exceptions);
      bound(one);
      return new ICAL.Event(one, { exceptions });
    });
}

function readEvent(event: ICAL.Event, reading: Reading): void {
  if (!event.component.hasProperty('dtstart')) return;
  if (!event.isRecurring()) {
    addShift(event, event.startDate, reading);
    return;
  }
  try {
    readRepeated(event, reading);
  } catch (error) {
    if (!(error instanceof EndlessRule)) throw error;
    reading.problems.add(`"${event.summary}" has a rule that finds no further time: it was read as far as it does`);
  }
}

function readRepeated(event: ICAL.Event, reading: Reading): void {
  const occurrences = event.iterator();
  for (let repeat = 0; ; repeat += 1) {
    const at = occurrences.next();
    if (at === null || at === undefined || startMs(event, at, reading) >= reading.known.toMs) return;
    if (repeat >= MAX_REPEATS || (reading.stepsLeft -= 1) <= 0) {
      reading.problems.add(`"${event.summary}" repeats too often: it was read until ${at.toString()} only`);
      return;
    }
    const { item, startDate } = event.getOccurrenceDetails(at);
    addShift(item, startDate, reading);
  }
}

function addShift(event: ICAL.Event, start: ICAL.Time, reading: Reading): void {
  const { component } = event;
  if (String(component.getFirstPropertyValue('status')).toUpperCase() === 'CANCELLED') return;
  const fromMs = startMs(event, start, reading);
  const zone = zoneOf(component, 'dtstart', reading);
  const lengthMs = naiveMs(event.endDate) - naiveMs(event.startDate);
  // What is written with two zones has an exact length, all else a length on the wall clock.
  const isOneZone = !component.hasProperty('dtend') || zoneOf(component, 'dtend', reading).name === zone.name;
  const exactMs = zoneOf(component, 'dtend', reading).toMs(event.endDate) - zone.toMs(event.startDate);
  const toMs = isOneZone ? zone.toMs(plus(start, lengthMs)) : fromMs + exactMs;
  if (toMs <= reading.known.fromMs || fromMs >= reading.known.toMs || toMs <= fromMs) return;
  reading.shifts.push({ fromMs, toMs, person: whoOf(event, reading) });
}

function startMs(event: ICAL.Event, start: ICAL.Time, reading: Reading): number {
  return zoneOf(event.component, 'dtstart', reading).toMs(start);
}

function whoOf({ component, summary }: ICAL.Event, { problems }: Reading): Person {
  const attendees = component
    .getAllProperties('attendee')
    .flatMap((one) => [one.getFirstParameter('cn') ?? '', String(one.getFirstValue())]);
  const person = personOf(summary ?? '', attendees);
  if (person.userId === null && person.email === null) {
    problems.add(
      `"${person.name}" is nobody in Slack: put the Slack user id (U…) or the e-mail address into the title`,
    );
  }
  return person;
}

type Zone = { name: string; toMs: (time: ICAL.Time) => number };

/** IANA names go before what the calendar itself says of them; a zone that nobody knows is taken for the team's. */
function zoneOf(component: ICAL.Component, property: 'dtstart' | 'dtend', reading: Reading): Zone {
  const found = component.getFirstProperty(property) ?? component.getFirstProperty('dtstart');
  const value = found?.getFirstValue();
  const tzid = found?.getFirstParameter('tzid');
  const ofTime = value instanceof ICAL.Time ? value.zone : null;
  if (ofTime?.tzid === 'UTC') return iana('UTC');
  if (tzid === undefined || tzid === null || tzid === '') return iana(reading.zone);
  if (IANAZone.isValidZone(tzid)) return iana(tzid);
  if (ofTime?.component) {
    const own = ofTime;
    return { name: tzid, toMs: (time) => ICAL.Time.fromData(fieldsOf(time), own).toUnixTime() * 1000 };
  }
  reading.problems.add(`the time zone "${tzid}" is not known: ${reading.zone} was taken`);
  return iana(reading.zone);
}

function iana(name: string): Zone {
  return { name, toMs: (time) => naiveToMs(naiveMs(time), name) };
}

function fieldsOf({ year, month, day, hour, minute, second }: ICAL.Time) {
  return { year, month, day, hour, minute, second, isDate: false };
}

/** The wall clock as if it were UTC. */
function naiveMs({ year, month, day, hour, minute, second }: ICAL.Time): number {
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function plus(time: ICAL.Time, ms: number): ICAL.Time {
  const at = new Date(naiveMs(time) + ms);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth() + 1, at.getUTCDate()];
  return ICAL.Time.fromData(
    { year, month, day, hour: at.getUTCHours(), minute: at.getUTCMinutes(), second: at.getUTCSeconds(), isDate: false },
    ICAL.Timezone.localTimezone,
  );
}
