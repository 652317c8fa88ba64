import { basename } from 'node:path';
import type { OnCall } from '../../config/config.ts';
import { type Outcome, ok } from '../../errors.ts';
import { type CalendarShifts, readCalendar } from '../../oncall/calendar.ts';
import { layShifts, type Span } from '../../oncall/rota.ts';
import { fetchText, readFileText } from './read-text.ts';
import type { RotaSource } from './rota-source.ts';

/** iCal files or addresses: the primary calendar, and one whose events go before it. */
export function fromCalendar({ primary, overrides }: Extract<OnCall, { source: 'ics' }>, timezone: string): RotaSource {
  return {
    name: `calendar ${placeName(primary)}`,
    async readRota(known, signal) {
      const [base, above] = await Promise.all([
        readPlace(primary, timezone, known, signal),
        // Half a rota would page the wrong person: without the overrides there is none.
        overrides === null ? ok(EMPTY) : readPlace(overrides, timezone, known, signal),
      ]);
      if (base.outcome !== 'ok') return base;
      if (above.outcome !== 'ok') return above;
      return ok({
        shifts: layShifts(base.value.shifts, above.value.shifts),
        known,
        problems: [...base.value.problems, ...above.value.problems],
      });
    },
  };
}

const EMPTY: CalendarShifts = { shifts: [], problems: [] };

async function readPlace(
  place: string,
  timezone: string,
  known: Span,
  signal: AbortSignal,
): Promise<Outcome<CalendarShifts>> {
  const what = `the calendar ${placeName(place)}`;
  const url = place.replace(/^webcal(s?):/i, 'https:');
  const text = place.includes('://')
    ? await fetchText({ url, headers: { accept: 'text/calendar' }, signal, what })
    : await readFileText(place);
  if (text.outcome !== 'ok') return text;
  const read = readCalendar(text.value, timezone, known);
  return read.outcome === 'ok' ? read : { ...read, why: `${what}: ${read.why}` };
}

/** Addresses of calendars are often secrets by themselves: the host alone is shown. */
function placeName(place: string): string {
  return place.includes('://') && URL.canParse(place) ? `of ${new URL(place).host}` : basename(place);
}
