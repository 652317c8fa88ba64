/**
 * Prints the public holidays of a country and state as JSON: {"days": [["2026-11-26", "Thanksgiving Day"], …]}, or
 * {"unknown": …}. A program of its own: the calendars of the whole world would stay in the bot's memory (24 MiB).
 * Arguments: country, state (may be empty), first year, last year.
 */
import Holidays from 'date-holidays';

const [country = '', state = '', first = '', last = ''] = process.argv.slice(2);
const world = new Holidays();

function list() {
  const countries = world.getCountries();
  if (!(country in countries)) return { unknown: `the country ${country}`, known: Object.keys(countries) };
  const states = world.getStates(country) ?? {};
  if (state !== '' && !(state in states)) {
    return { unknown: `the state ${state} of ${country}`, known: Object.keys(states) };
  }
  const calendar = state === '' ? new Holidays(country) : new Holidays(country, state);
  const days = [];
  for (let year = Number(first); year <= Number(last); year += 1) {
    for (const { type, date, start, end, name } of calendar.getHolidays(year) ?? []) {
      if (type !== 'public') continue;
      const midnight = Date.parse(`${date.slice(0, 10)}T00:00:00Z`);
      // What begins in the evening, or at noon, still is about the day that it is written for.
      const count = Math.max(1, Math.round((end.getTime() - start.getTime()) / 86_400_000));
      for (let day = 0; day < count; day += 1) {
        days.push([new Date(midnight + day * 86_400_000).toISOString().slice(0, 10), name]);
      }
    }
  }
  return { days };
}

process.stdout.write(JSON.stringify(list()));
