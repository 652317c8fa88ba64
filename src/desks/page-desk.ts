/** From what is known of an incident to the pager: who must be told, and the jobs that are due for it. */
import type { EscalationQueue } from '../adapters/bullmq/escalation-queue.ts';
import type { TriageQueue } from '../adapters/bullmq/triage-queue.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { PagerBook } from '../adapters/redis/pager-book.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import type { SilenceBook } from '../adapters/redis/silence-book.ts';
import type { DirectMessages } from '../adapters/slack/direct-messages.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { UserGroups } from '../adapters/slack/user-groups.ts';
import type { Service, Team } from '../config/config.ts';
import type { Incident } from '../incident/incident.ts';
import type { Pager } from '../incident/pager.ts';
import type { Silence } from '../incident/silence.ts';
import { threadOf } from '../incident/umbrella.ts';
import { assess, newPager, type Situation } from '../oncall/escalation.ts';
import type { Rota } from '../oncall/rota.ts';
import { isWorseThanTaken, takenByDecider } from '../oncall/taking.ts';
import { killsText } from '../report/kills-text.ts';
import { Report } from '../report/report.ts';
import { renderRaised, renderWorse } from '../report/slack-pager.ts';
import type { DeskWorld } from './desk-world.ts';
import { judgeCase } from './page-case.ts';
import type { Rotas } from './rotas.ts';
import type { UmbrellaDesk } from './umbrella-desk.ts';

export type PagingParts = {
  world: Pick<DeskWorld, 'config' | 'logger'>;
  incidents: RedisIncidentBook;
  pagers: PagerBook;
  rollbacks: Pick<RollbackBook, 'find'>;
  /** While a service is silenced, nobody is paged for it; who has it already keeps it. */
  silences: Pick<SilenceBook, 'find'>;
  rotas: Rotas;
  groups: UserGroups;
  outbox: Outbox;
  messages: DirectMessages;
  escalations: EscalationQueue;
  triageQueue: TriageQueue;
  umbrellas: Pick<UmbrellaDesk, 'openOf' | 'claimPage'>;
  /** Brings the thread to what is stored of the incident. */
  refresh: (incidentId: string) => Promise<void>;
  now?: () => number;
};

export type Owned = { incident: Incident; service: Service; team: Team };

/** Null: nobody is on call for it, so there is nobody to page. */
export async function findOwned(incidentId: string, { incidents, world }: PagingParts): Promise<Owned | null> {
  const incident = await incidents.find(incidentId);
  const service = incident === null ? undefined : world.config.services.get(incident.service);
  const team = service?.team == null ? undefined : world.config.teams.get(service.team);
  if (incident === null || service === undefined || team === undefined || team.onCall === null) return null;
  return { incident, service, team };
}

/** What is known of the incident may have changed: decides who is told, and stores what is due. */
export async function consider(incidentId: string, parts: PagingParts): Promise<void> {
  const owned = await findOwned(incidentId, parts);
  if (owned === null) return;
  const { incident, service, team } = owned;
  const nowMs = clockOf(parts);
  const [pager, rollback, silence, report, rota, { hours }] = await Promise.all([
    parts.pagers.find(incidentId),
    parts.rollbacks.find(incidentId),
    parts.silences.find(service.name),
    incident.state === 'triaging' ? null : findReport(incidentId, parts),
    rotaOf(team, parts),
    parts.rotas.hoursOf(team),
  ]);
  const known = newPager({ incident: incidentId, service: service.name, team: team.name });
  const { seen } = pager ?? { seen: null };
  const judged = judgeCase({ incident, report, team, seen, rollback, rota, hours, nowMs });
  const { recheckMs } = judged;
  const situation =
    silence === null ? await underUmbrella(owned, judged.situation, pager ?? known, parts) : judged.situation;
  // A triage under way says nothing yet: what was decided stands, unless something is killed.
  if (incident.state === 'triaging' && situation.trouble === 'none') return;
  const done = await parts.pagers.change(incidentId, (before) => {
    if (silence === null) return takenByDecider(assess(before ?? known, situation, nowMs), rollback, nowMs);
    const isTaken = before?.state === 'held' || before?.state === 'snoozed';
    return isTaken ? null : assess(before ?? known, { ...situation, trouble: 'none' }, nowMs);
  });
  if (done?.pager == null) return;
  if (recheckMs !== null) await planRecheck(incidentId, recheckMs, parts);
  // What still stands when the silence has ended is looked at then, and told.
  if (silence !== null && situation.trouble !== 'none') await planRecheck(incidentId, afterSilence(silence), parts);
  await queueDue(done.pager, parts);
  await tellHolder(incident, done.pager, parts);
  const { raisedAt } = done.pager;
  if (raisedAt !== null) await parts.outbox.reply(threadOf(incident), `raised ${raisedAt}`, renderRaised(done.pager));
}

/**
 * Killed with many others at once: the page is about all of them, and each team gets one. Who was spared stays so until
 * the next kill, whatever becomes of the umbrella.
 */
async function underUmbrella(
  { incident, team }: Owned,
  situation: Situation,
  { state, spared = null, seen }: Pager,
  { umbrellas }: PagingParts,
): Promise<Situation> {
  if (situation.decision !== 'page' || situation.trouble !== 'oom') return situation;
  if (state !== 'quiet' && state !== 'over') return situation;
  if (spared !== null && situation.kills <= seen.kills) return { ...situation, spared };
  const open = await umbrellas.openOf(incident);
  if (open === null) return situation;
  const why = `${killsText(open)} (${open.id}), ${incident.service} among them`;
  return { ...situation, why, spared: await umbrellas.claimPage(incident, team.name) };
}

/** Who has it is not paged again, but shall know: a mention in the thread, once for each step that it became worse. */
async function tellHolder(incident: Incident, pager: Pager, { outbox }: PagingParts): Promise<void> {
  if (!isWorseThanTaken(pager)) return;
  const { round, seen } = pager;
  await outbox.reply(threadOf(incident), `worse ${incident.id} ${round} ${seen.trouble}`, renderWorse(pager));
}

/** Rechecks are planned to the minute: the next full one, also when it ends with one. */
function afterSilence({ until }: Silence): number {
  return Date.parse(until) + 1;
}

/** The job that is due for the pager as it stands; the same one again is stored once. */
export async function queueDue(pager: Pager, { escalations }: PagingParts): Promise<void> {
  const { incident: incidentId, state, round, level, dueAt } = pager;
  if (dueAt === null) return;
  const dueMs = Date.parse(dueAt);
  if (state === 'snoozed') await escalations.add({ kind: 'wake', incidentId, round, until: dueAt }, dueMs);
  if (state !== 'paging' && state !== 'waiting') return;
  await escalations.add({ kind: 'level', incidentId, round, level: level + 1 }, dueMs);
}

async function planRecheck(incidentId: string, atMs: number, { escalations }: PagingParts): Promise<void> {
  // To the minute: each look moves the moment a little, and one look is enough. Never before the moment: a look that
  // comes too early to decide would ask for the very job that has just been done.
  const at = new Date(Math.ceil(atMs / 60_000) * 60_000).toISOString();
  await escalations.add({ kind: 'recheck', incidentId, at }, Date.parse(at));
}

/** Leads whose group can't be resolved are left out, and told: the others are asked all the same. */
export async function resolveApprovers(
  { approvers, name }: Team,
  { groups, world }: Pick<PagingParts, 'groups' | 'world'>,
): Promise<string[]> {
  const found = await Promise.all(
    approvers.map(async (id) => {
      if (!id.startsWith('S')) return [id];
      const members = await groups.membersOf(id);
      if (members.outcome === 'ok') return [...members.value];
      world.logger.warn({ team: name, group: id, why: members.why }, 'a user group could not be resolved');
      return [];
    }),
  );
  return [...new Set(found.flat())];
}

/** Null: not known. */
export async function rotaOf(team: Team, { rotas, world }: PagingParts): Promise<Rota | null> {
  const known = await rotas.rotaOf(team);
  if (known.outcome === 'ok') return known.value.rota;
  world.logger.warn({ team: team.name, why: known.why }, 'not known who is on call');
  return null;
}

async function findReport(id: string, { incidents }: PagingParts): Promise<Report | null> {
  const json = await incidents.reportJson(id);
  return json === null ? null : Report.parse(JSON.parse(json));
}

export function clockOf({ now = Date.now }: PagingParts): number {
  return now();
}
