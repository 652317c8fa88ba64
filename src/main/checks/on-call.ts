import { listPublicHolidays } from '../../adapters/on-call/public-holidays.ts';
import { rotaSourceOf } from '../../adapters/on-call/rota-source-of.ts';
import type { Team } from '../../config/config.ts';
import { unknownEmails } from '../../oncall/person.ts';
import { findGaps, onCallAt } from '../../oncall/rota.ts';
import { DAY_MS, shortSpan } from '../../oncall/zone-time.ts';
import type { Environment } from '../environment.ts';
import { type CheckFinding, fromFailure, good, warning } from './finding.ts';

const FORTNIGHT_MS = 14 * DAY_MS;
const GAPS_SHOWN = 3;

/** The schedule of a team as it answers now, its gaps of the coming fortnight, and its public holidays. */
export async function checkOnCall(team: Team, environment: Environment, nowMs: number): Promise<CheckFinding[]> {
  const [rota, holidays] = await Promise.all([checkRota(team, environment, nowMs), checkHolidays(team, nowMs)]);
  return [...rota, ...holidays];
}

async function checkRota(
  team: Team,
  { pagerDutyToken, pagerDutyUrl }: Environment,
  nowMs: number,
): Promise<CheckFinding[]> {
  const about = `teams.${team.name}.oncall`;
  if (team.onCall === null) return [warning(`${about}: nobody is paged for its services`, `Add ${about}`)];
  // A token that is missing is told once, with the other secrets.
  if (team.onCall.source === 'pagerduty' && pagerDutyToken === null) return [];
  const source = rotaSourceOf(team.onCall, team.timezone, {
    token: pagerDutyToken?.reveal() ?? null,
    url: pagerDutyUrl,
  });
  const known = { fromMs: nowMs - FORTNIGHT_MS, toMs: nowMs + FORTNIGHT_MS };
  const read = await source.readRota(known, new AbortController().signal);
  if (read.outcome !== 'ok') return [fromFailure(about, read)];
  const rota = read.value;
  const { now } = onCallAt(rota, nowMs);
  const who = now === null ? 'nobody is on call now' : `${now.person.userId ?? now.person.name} is on call now`;
  const problems = rota.problems.map((problem) => warning(`${about}: ${problem}`, 'Correct the schedule'));
  // Addresses are asked of Slack when a bot runs: until then they are no gaps.
  const gaps = unknownEmails(rota).length > 0 ? [] : findGaps(rota, { fromMs: nowMs, toMs: known.toMs });
  if (gaps.length === 0) return [good(`${about}: ${source.name}; ${who}`), ...problems];
  const shown = gaps.slice(0, GAPS_SHOWN).map((gap) => shortSpan(gap.fromMs, gap.toMs, nowMs, team.timezone));
  const more = gaps.length > GAPS_SHOWN ? ` and ${gaps.length - GAPS_SHOWN} more` : '';
  const gap = warning(`${about}: nobody is on call ${shown.join(', ')}${more}`, 'Fill the gaps, or name `approvers`');
  return [good(`${about}: ${source.name}; ${who}`), gap, ...problems];
}

async function checkHolidays({ name, holidays }: Team, nowMs: number): Promise<CheckFinding[]> {
  const { country, state } = holidays;
  if (country === null) return [];
  const about = `teams.${name}.holidays`;
  const listed = await listPublicHolidays({ country, state }, new Date(nowMs).getUTCFullYear());
  if (listed.outcome !== 'ok') return [fromFailure(about, listed)];
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const next = [...listed.value].filter(([day]) => day >= today).toSorted(([a], [b]) => a.localeCompare(b))[0];
  return [good(`${about}: ${next === undefined ? 'none ahead' : `next ${next[0]} ${next[1]}`}`)];
}
