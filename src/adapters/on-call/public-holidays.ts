import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { failed, messageOf, type Outcome, ok } from '../../errors.ts';
import type { HolidayNames } from '../../oncall/work-hours.ts';

const run = promisify(execFile);

/** From `src` and from `dist` alike. */
const PROGRAM = fileURLToPath(new URL('../../../src/adapters/on-call/list-holidays.mjs', import.meta.url));
/** Reading the world's calendars takes 0.7 s on a machine of 2026 that is busy. */
const DEADLINE_MS = 20_000;

const Listed = z.union([
  z.object({ days: z.array(z.tuple([z.string(), z.string()])) }),
  z.object({ unknown: z.string(), known: z.array(z.string()) }),
]);

/**
 * Public holidays of a country (`US`) and state (`CA`; null: those of the whole country), from the year before to the
 * year after `year`: a shift may begin in one year and end in the next.
 */
export async function listPublicHolidays(
  { country, state }: { country: string; state: string | null },
  year: number,
): Promise<Outcome<HolidayNames>> {
  const cure = 'Look at the log; until then give the days as `holidays.add`';
  try {
    const args = [PROGRAM, country, state ?? '', String(year - 1), String(year + 1)];
    const { stdout } = await run(process.execPath, args, { timeout: DEADLINE_MS, maxBuffer: 4 * 1024 * 1024, env: {} });
    const listed = Listed.parse(JSON.parse(stdout));
    if ('days' in listed) return ok(new Map(listed.days));
    const known = listed.known.slice(0, 60).join(', ');
    const tryThis = known === '' ? 'Leave `state` out' : `Take one of ${known}`;
    return failed('operator', `${listed.unknown} has no calendar of public holidays`, tryThis);
  } catch (error) {
    return failed('us', `public holidays of ${country} could not be listed: ${messageOf(error)}`, cure);
  }
}
