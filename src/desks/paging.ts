/** Pages, level after level, until somebody has the incident or it is over. */
import type { EscalationJob } from '../adapters/bullmq/escalation-queue.ts';
import type { Team } from '../config/config.ts';
import type { Incident } from '../incident/incident.ts';
import type { Pager } from '../incident/pager.ts';
import { threadOf } from '../incident/umbrella.ts';
import { askLevel, giveUp, wake } from '../oncall/escalation.ts';
import { levelCount, peopleOfLevel, waitAfter } from '../oncall/levels.ts';
import { onCallAt } from '../oncall/rota.ts';
import { renderPage, renderPageReply } from '../report/slack-pager.ts';
import { NOBODY } from './page-case.ts';
import { clockOf, consider, findOwned, type PagingParts, queueDue, resolveApprovers, rotaOf } from './page-desk.ts';

export type Paging = {
  /** What is known of the incident may have changed. Safe to repeat; rejects when Redis fails. */
  consider(incidentId: string): Promise<void>;
  /** Does what is due, unless it was done or does not matter any more. */
  run(job: EscalationJob): Promise<void>;
};

export function createPaging(parts: PagingParts): Paging {
  return {
    consider: async (incidentId) => await consider(incidentId, parts),
    async run(job) {
      switch (job.kind) {
        case 'level':
          return await runLevel(job, parts);
        case 'wake':
          return await runWake(job, parts);
        case 'recheck':
          return await runRecheck(job, parts);
        case 'sweep':
          return await sweep(parts);
      }
    },
  };
}

async function runLevel(
  { incidentId, round, level }: Extract<EscalationJob, { kind: 'level' }>,
  parts: PagingParts,
): Promise<void> {
  const owned = await findOwned(incidentId, parts);
  if (owned === null) return;
  const { team, incident } = owned;
  // Somebody may have decided its rollback, or it may be over, and the bot died before the pager heard of it.
  await consider(incidentId, parts);
  if (incident.state === 'closed') return;
  const nowMs = clockOf(parts);
  if (level > levelCount(team)) {
    const done = await parts.pagers.change(incidentId, (before) =>
      before === null ? null : giveUp(before, round, nowMs),
    );
    if (done?.isChanged === true) await parts.refresh(incidentId);
    return;
  }
  const userIds = await peopleFor(level, team, nowMs, parts);
  const open = await parts.umbrellas.openOf(incident);
  const thread = open?.id ?? threadOf(incident).id;
  const asked = {
    round,
    level,
    userIds,
    waitSeconds: waitAfter(team, level),
    ...(thread === incidentId ? {} : { thread }),
  };
  const done = await parts.pagers.change(incidentId, (before) =>
    before === null ? null : askLevel(before, asked, nowMs),
  );
  const pager = done?.pager ?? null;
  // Somebody has it, or a later level was asked: this job is one that was done before.
  if (pager === null || pager.state !== 'paging' || pager.round !== round || pager.level !== level) return;
  // First what comes next: whatever fails below must not end the escalation.
  await queueDue(pager, parts);
  await parts.refresh(incidentId);
  await sendPage(incident, pager, parts);
}

/** Repeating it sends nothing twice; once the round is called off, what was not begun is never sent. */
async function sendPage(incident: Incident, pager: Pager, parts: PagingParts): Promise<void> {
  const { outbox, pagers, messages, world } = parts;
  const { round, level } = pager;
  const page = pager.pages.findLast((one) => one.round === round && one.level === level);
  const unless = pagers.calledOffKey(incident.id, round);
  const key = `page ${incident.id} ${round} ${level}`;
  const thread = { id: page?.thread ?? incident.id, channelId: incident.channelId };
  await outbox.reply(thread, key, renderPageReply(pager), unless);
  const permalink = await outbox.permalink(thread.id);
  const late: string[] = [];
  for (const userId of page?.userIds ?? []) {
    const opened = await messages.channelOf(userId);
    if (opened.outcome === 'ok') {
      await outbox.post(`${key} ${userId}`, opened.value, renderPage(incident, pager, permalink), unless);
    } else {
      world.logger.warn({ incidentId: incident.id, userId, why: opened.why }, 'no direct message to a paged person');
      if (opened.outcome === 'inconclusive') late.push(userId);
    }
  }
  // The job is tried again; those who have their message get no second one.
  if (late.length > 0) throw new Error(`no direct message yet to ${late.join(', ')}`);
}

async function runWake(
  { incidentId, round }: Extract<EscalationJob, { kind: 'wake' }>,
  parts: PagingParts,
): Promise<void> {
  const nowMs = clockOf(parts);
  const done = await parts.pagers.change(incidentId, (before) => (before === null ? null : wake(before, round, nowMs)));
  if (done?.pager == null) return;
  // What was trouble when it was snoozed may be over.
  await consider(incidentId, parts);
  await queueDue(done.pager, parts);
  await parts.refresh(incidentId);
}

/** Fresh figures decide, not those of hours ago. */
async function runRecheck(
  { incidentId, at }: Extract<EscalationJob, { kind: 'recheck' }>,
  { pagers, incidents, outbox, triageQueue }: PagingParts,
): Promise<void> {
  const pager = await pagers.find(incidentId);
  if (pager?.state !== 'quiet' && pager?.state !== 'over') return;
  const known = await incidents.find(incidentId);
  if (known === null || known.state === 'closed') return;
  const why = '⏳ Looking again: whether this can still wait.';
  await outbox.tellEvent(known, `recheck ${at}`, why);
  const incident = known.state === 'triaging' ? known : await incidents.lookAgain(incidentId);
  if (incident !== null) await triageQueue.add(incidentId, incident.round);
}

/** Jobs that Redis lost come back, and what ended elsewhere ends here. */
async function sweep(parts: PagingParts): Promise<void> {
  for (const incidentId of await parts.pagers.active()) {
    const [incident, pager] = await Promise.all([parts.incidents.find(incidentId), parts.pagers.find(incidentId)]);
    if (incident === null || pager === null) {
      await parts.pagers.forget(incidentId);
      continue;
    }
    if (incident.state === 'closed') {
      await consider(incidentId, parts);
      continue;
    }
    const { state, round, level } = pager;
    const isPaged = state === 'paging' && level > 0;
    if (isPaged) await parts.escalations.add({ kind: 'level', incidentId, round, level }, clockOf(parts));
    await queueDue(pager, parts);
  }
}

async function peopleFor(level: number, team: Team, nowMs: number, parts: PagingParts): Promise<string[]> {
  const rota = await rotaOf(team, parts);
  const leads = level < 3 ? [] : await resolveApprovers(team, parts);
  return peopleOfLevel(level, rota, rota === null ? NOBODY : onCallAt(rota, nowMs), leads);
}
