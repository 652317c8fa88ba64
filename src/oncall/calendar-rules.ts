/** The rules of repeated events before they are followed: on the wall clock of their event, and never without end. */
import ICAL from 'ical.js';
import { IANAZone } from 'luxon';
import { wallClockOf } from './zone-time.ts';

/** Candidates of one rule that are looked at, some 20 µs each: daily ones of half a century are 18,000, and more than the repeats that are read. */
const MAX_LOOKS = 25_000;
/** Of all rules of a calendar. */
const MAX_LOOKS_OF_ALL = 200_000;

/** Thrown while a rule is followed that finds no further time, as "every 7 days from a Monday on, on Tuesdays". */
export class EndlessRule extends Error {}

/** `of(master)`: its exceptions, found by their UID: the library would take those of every other event as well. */
export function exceptionsByUid(components: readonly ICAL.Component[]): (master: ICAL.Component) => ICAL.Component[] {
  const found = new Map<string, ICAL.Component[]>();
  for (const one of components) {
    if (!isException(one)) continue;
    const uid = uidOf(one);
    found.set(uid, [...(found.get(uid) ?? []), one]);
  }
  return (master) => found.get(uidOf(master)) ?? [];
}

export function isException(component: ICAL.Component): boolean {
  return component.hasProperty('recurrence-id');
}

export function uidOf(component: ICAL.Component): string {
  return String(component.getFirstPropertyValue('uid'));
}

/**
 * Times in UTC (UNTIL, EXDATE, RDATE, RECURRENCE-ID) are put on the wall clock of an event whose IANA zone the calendar
 * does not describe: the library compares them with its wall clock as they stand, and is hours off.
 */
export function alignToWallClock(master: ICAL.Component, exceptions: readonly ICAL.Component[]): void {
  const zone = undescribedZone(master);
  if (zone === null) return;
  for (const rule of rulesOf(master)) if (isUtc(rule.until)) rule.until = toWallClock(rule.until, zone);
  const repeated = [...master.getAllProperties('exdate'), ...master.getAllProperties('rdate')];
  const named = exceptions.flatMap((one) => one.getAllProperties('recurrence-id'));
  for (const property of repeated) {
    const values: unknown[] = property.getValues();
    property.setValues(values.map((value) => (isUtc(value) ? toWallClock(value, zone) : value)));
  }
  for (const property of named) {
    const value: unknown = property.getFirstValue();
    if (isUtc(value)) property.setValue(toWallClock(value, zone));
  }
}

/** For the events of one calendar: whoever follows their rules meets an EndlessRule instead of waiting for ever. */
export function createRuleBound(): (component: ICAL.Component) => void {
  const left = { looks: MAX_LOOKS_OF_ALL };
  return (component) => boundRules(component, left);
}

function boundRules(component: ICAL.Component, left: { looks: number }): void {
  for (const rule of rulesOf(component)) {
    const open = rule.iterator.bind(rule);
    rule.iterator = (start) => {
      const iterator = open(start);
      const isOneOf = iterator.check_contracting_rules.bind(iterator);
      let looks = 0;
      iterator.check_contracting_rules = () => {
        looks += 1;
        left.looks -= 1;
        if (looks > MAX_LOOKS || left.looks < 0) throw new EndlessRule();
        return isOneOf();
      };
      return iterator;
    };
  }
}

function rulesOf(component: ICAL.Component): ICAL.Recur[] {
  const values: unknown[] = component.getAllProperties('rrule').map((property) => property.getFirstValue());
  return values.filter((value) => value instanceof ICAL.Recur);
}

function undescribedZone(component: ICAL.Component): string | null {
  const start = component.getFirstProperty('dtstart');
  const tzid = start?.getFirstParameter('tzid');
  const value: unknown = start?.getFirstValue();
  const isDescribed = value instanceof ICAL.Time && value.zone?.component != null;
  return tzid != null && IANAZone.isValidZone(tzid) && !isDescribed ? tzid : null;
}

function isUtc(value: unknown): value is ICAL.Time {
  return value instanceof ICAL.Time && value.zone?.tzid === 'UTC';
}

function toWallClock(time: ICAL.Time, zone: string): ICAL.Time {
  const fields = wallClockOf(time.toUnixTime() * 1000, zone);
  return ICAL.Time.fromData({ ...fields, isDate: false }, ICAL.Timezone.localTimezone);
}
