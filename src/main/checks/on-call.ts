import { listPublicHolidays } from '../../adapters/on-call/public-holidays.ts';
import type { MembersOf } from '../../adapters/on-call/rota-source.ts';
import { rotaSourceOf } from '../../adapters/on-call/rota-source-of.ts';
import { createUserGroups } from '../../adapters/slack/user-groups.ts';
import type { Team } from '../../config/config.ts';
import { failed } from '../../errors.ts';
import { unknownEmails } from '../../oncall/person.ts';
import { findGaps, onCallAt } from '../../oncall/rota.ts';
import { DAY_MS, shortSpan } from '../../oncall/zone-time.ts';
import { type Environment, toPagerDuty } from '../environment.ts';
import { type CheckFinding, fromFailure, good, warning } from './finding.ts';
import { webWith } from './slack.ts';

const FORTNIGHT_MS = 14 * DAY_MS;
const GAPS_SHOWN = 3;

/** The schedule of a team as it answers now, its gaps of the coming fortnight, and its public holidays. */
export async function checkOnCall(team: Team, environment: Environment, nowMs: number): Promise<CheckFinding[]> {
  const [rota, holidays] = await Promise.all([checkRota(team, environment, nowMs), checkHolidays(team, nowMs)]);
  return [...rota, ...holidays];
}

async function checkRota(team: Team, environment: Environment, nowMs: number): Promise<CheckFinding[]> {
  const about = `teams.${team.name}.oncall`;
  if (team.onCall === null) return [warning(`${about}: nobody is paged for its services`, `Add ${about}`)];
  // A token that is missing is told once, with the other secrets.
  if (team.onCall.source === 'pagerduty' && environment.pagerDutyToken === null) return [];
  const pagerDuty = toPagerDuty(environment);
  const source = rotaSourceOf(team.onCall, team.timezone, { pagerDuty, membersOf: membersBy(environment) });
  const known = { fromMs: nowMs - FORTNIGHT_MS, toMs: nowMs + FORTNIGHT_MS };
  const read = await source.readRota(known, new AbortController().signal);
  if (read.outcome !== 'ok') return [fromFailure(about, read)];
  const rota = read.value;
  const { people } = onCallAt(rota, nowMs);
  const names = people.map(({ userId, name }) => userId ?? name).join(', ');
  const who = `${names === '' ? 'nobody' : names} ${people.length > 1 ? 'are' : 'is'} on call now`;
  if (rota.group?.length === 0)
    return [warning(`${about}: ${source.name} has no members: ${who}`, 'Add members to it')];
  const problems = rota.problems.map((problem) => warning(`${about}: ${problem}`, 'Correct the schedule'));
  // Addresses are asked of Slack when a bot runs: until then they are no gaps.
  const gaps = unknownEmails(rota).length > 0 ? [] : findGaps(rota, { fromMs: nowMs, toMs: known.toMs });
  if (gaps.length === 0) return [good(`${about}: ${source.name}; ${who}`), ...problems];
  const shown = gaps.slice(0, GAPS_SHOWN).map((gap) => shortSpan(gap.fromMs, gap.toMs, nowMs, team.timezone));
  const more = gaps.length > GAPS_SHOWN ? ` and ${gaps.length - GAPS_SHOWN} more` : '';
  const gap = warning(`${about}: nobody is on call ${shown.join(', ')}${more}`, 'Fill the gaps, or name `approvers`');
  return [good(`${about}: ${source.name}; ${who}`), gap, ...problems];
}

function membersBy({ slackBotToken, slackApiUrl }: Environment): MembersOf {
  if (slackBotToken !== null) return createUserGroups(webWith(slackBotToken, slackApiUrl)).membersOf;
  return async () => failed('operator', 'Slack is not asked without SLACK_BOT_TOKEN', 'Set it');
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
