/** The digest when a team's week begins, and the summary when a shift ends: each posted once, whatever restarts. */
import type { TeamJob } from '../adapters/bullmq/team-queue.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { PagerBook } from '../adapters/redis/pager-book.ts';
import type { ShiftCursor } from '../adapters/redis/shift-cursor.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { Config, Team } from '../config/config.ts';
import type { Incident } from '../incident/incident.ts';
import { threadOf } from '../incident/umbrella.ts';
import { findGaps, onCallAt, type Shift } from '../oncall/rota.ts';
import { isFirstWorkdayOfWeek } from '../oncall/work-hours.ts';
import { addDays, DAY_MS, localDay, shortSpan, shortTime, weekdayOf } from '../oncall/zone-time.ts';
import { Report } from '../report/report.ts';
import { renderDigest, renderShiftEnd, type TeamCase } from '../report/slack-team.ts';
import type { Rotas } from './rotas.ts';

export type TeamNewsParts = {
  config: Pick<Config, 'teams' | 'services' | 'slack'>;
  incidents: RedisIncidentBook;
  pagers: Pick<PagerBook, 'find'>;
  rotas: Rotas;
  outbox: Outbox;
  cursor: ShiftCursor;
};

/** How far back incidents are looked for among those of all teams. */
const SEARCHED_INCIDENTS = 500;
const FORTNIGHT_MS = 14 * DAY_MS;
const WEEK_MS = 7 * DAY_MS;
/** A shift that ended longer ago is told by nobody any more: no bot ran. */
const TOLD_WITHIN_MS = DAY_MS;
const GAPS_SHOWN = 3;

/** Does a job of a team; `atMs`: when it was due. Safe to repeat. */
export async function tellTeam({ kind, team: name }: TeamJob, atMs: number, parts: TeamNewsParts): Promise<void> {
  const team = parts.config.teams.get(name);
  const channel = team?.channel ?? parts.config.slack.channel;
  if (team === undefined || channel === null) return;
  if (kind === 'digest') await tellDigest(team, channel, atMs, parts);
  else await tellEndedShifts(team, channel, atMs, parts);
}

async function tellDigest(team: Team, channel: string, atMs: number, parts: TeamNewsParts): Promise<void> {
  const day = localDay(atMs, team.timezone);
  const { hours } = await parts.rotas.hoursOf(team);
  if (!isFirstWorkdayOfWeek(day, hours)) return;
  const cases = await casesOf(team, { fromMs: atMs - WEEK_MS, toMs: atMs }, parts);
  const known = await parts.rotas.rotaOf(team);
  const rota = known.outcome === 'ok' ? known.value.rota : null;
  const gaps = rota === null ? [] : findGaps(rota, { fromMs: atMs, toMs: atMs + FORTNIGHT_MS });
  const message = renderDigest({
    team: team.name,
    day: shortTime(atMs, atMs - FORTNIGHT_MS, team.timezone).replace(/ \d+:\d+$/, ''),
    cases,
    onCall: rota === null ? [] : onCallAt(rota, atMs).people,
    gaps: gaps.slice(0, GAPS_SHOWN).map(({ fromMs, toMs }) => shortSpan(fromMs, toMs, atMs, team.timezone)),
  });
  const monday = addDays(day, 1 - weekdayOf(day));
  if (message !== null) await parts.outbox.post(`digest ${team.name} ${monday}`, channel, message);
}

async function tellEndedShifts(team: Team, channel: string, atMs: number, parts: TeamNewsParts): Promise<void> {
  if (team.onCall === null) return;
  const known = await parts.rotas.rotaOf(team);
  // A schedule that does not answer is asked again by the next look; the cursor stays where it is.
  if (known.outcome !== 'ok') return;
  const { shifts } = known.value.rota;
  const toldMs = (await parts.cursor.load(team.name)) ?? atMs;
  const sinceMs = Math.max(toldMs, atMs - TOLD_WITHIN_MS);
  for (const [index, shift] of shifts.entries()) {
    if (shift.toMs <= sinceMs || shift.toMs > atMs) continue;
    const follows = shifts[index + 1];
    const next = follows?.fromMs === shift.toMs ? follows : null;
    if (next !== null && next.person.userId === shift.person.userId && shift.person.userId !== null) continue;
    await tellShift(team, channel, shift, next, parts);
  }
  await parts.cursor.save(team.name, Math.max(toldMs, atMs));
}

async function tellShift(
  team: Team,
  channel: string,
  shift: Shift,
  next: Shift | null,
  parts: TeamNewsParts,
): Promise<void> {
  const { hours } = await parts.rotas.hoursOf(team);
  const message = renderShiftEnd({
    team: team.name,
    endedAt: new Date(shift.toMs).toISOString(),
    ended: shift.person,
    follows: next?.person ?? null,
    cases: await casesOf(team, shift, parts),
    isStaffed: hours.at(shift.toMs).kind === 'open',
  });
  await parts.outbox.post(`shift ${team.name} ${shift.toMs}`, channel, message);
}

/** Incidents of the team's services that were opened in that time, and those that are still open. Newest first. */
async function casesOf(
  team: Team,
  { fromMs, toMs }: { fromMs: number; toMs: number },
  { config, incidents, pagers, outbox }: TeamNewsParts,
): Promise<TeamCase[]> {
  const isOurs = ({ service }: Incident): boolean => config.services.get(service)?.team === team.name;
  const recent = (await incidents.recent(SEARCHED_INCIDENTS)).filter(isOurs);
  const told = recent.filter(({ openedAt, state }) => {
    const at = Date.parse(openedAt);
    return at < toMs && (at >= fromMs || state !== 'closed');
  });
  return await Promise.all(
    told.map(async (incident) => {
      const [json, pager, permalink] = await Promise.all([
        incidents.reportJson(incident.id),
        pagers.find(incident.id),
        incident.state === 'closed' ? null : outbox.permalink(threadOf(incident).id),
      ]);
      const verdict = json === null ? null : Report.parse(JSON.parse(json)).verdict;
      return { incident, verdict, pager, permalink };
    }),
  );
}
