/** Rollbacks from a report to a decision: proposed with their guards, approved or declined by those who may. */

import type { AuditBook } from '../adapters/redis/audit-book.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { Incident } from '../incident/incident.ts';
import type { Guard, Rollback } from '../incident/rollback.ts';
import { expire, propose, withdraw } from '../incident/rollback-moves.ts';
import { approvalsNeeded, mayActAlone, type UserGroups } from '../mitigation/who-decides.ts';
import type { Report } from '../report/report.ts';
import { renderProposal } from '../report/slack-rollback-answers.ts';
import type { ActionHandler } from './action-desk.ts';
import { deciderOf, expectedSeconds, type FactParts, guardsNow } from './rollback-facts.ts';
import { rollbackActions, settle } from './rollback-presses.ts';

export type RollbackDeskParts = FactParts & {
  incidents: RedisIncidentBook;
  audit: AuditBook;
  groups: UserGroups;
  outbox: Pick<Outbox, 'reply' | 'findThread'>;
  /** Brings the thread to what is stored. */
  refresh: (incidentId: string) => Promise<void>;
  /** Hands an approved rollback over to be carried out. Safe to repeat. */
  carryOut: (rollback: Rollback) => Promise<void>;
};

export type RollbackDesk = {
  approve_rollback: ActionHandler;
  decline_rollback: ActionHandler;
  /** Proposes, renews or takes back the rollback that a report speaks of. Safe to repeat. */
  consider(incident: Incident, report: Report): Promise<void>;
  /** The guards of a rollback as they are at this moment; none when its service is gone from the configuration. */
  guardsNow(rollback: Rollback): Promise<readonly Guard[]>;
  /** Ends what nobody decided in time, and hands over what was approved when a bot died or whose job was lost. Safe to repeat. */
  sweep(): Promise<void>;
};

export function createRollbackDesk(parts: RollbackDeskParts): RollbackDesk {
  return {
    consider: (incident, report) => consider(incident, report, parts),
    sweep: () => sweep(parts),
    async guardsNow(rollback) {
      const service = parts.world.config.services.get(rollback.service);
      if (service === undefined) return [];
      const decider = await deciderOf(service, parts);
      return (await guardsNow(service, rollback, { known: rollback, decider }, parts)).guards;
    },
    ...rollbackActions(parts),
  };
}

async function consider(incident: Incident, report: Report, parts: RollbackDeskParts): Promise<void> {
  const { world, rollbacks, outbox, now } = parts;
  const service = world.config.services.get(incident.service);
  if (service === undefined || service.rollback.mode === 'recommend') return;
  const { action, from, to } = report.recommendation;
  if (action !== 'rollback' || from === null || to === null) {
    const why = 'the newest report does not advise it';
    await rollbacks.change(incident.id, (before) => withdraw(before, report.generatedAt, why, now()));
    return;
  }
  if ((await rollbacks.find(incident.id))?.reportedAt === report.generatedAt) return;
  const decider = await deciderOf(service, parts);
  const { guards, endsRollout } = await guardsNow(service, { from, to }, { known: null, decider }, parts);
  const team = service.team === null ? undefined : world.config.teams.get(service.team);
  const proposal = {
    incident: incident.id,
    service: service.name,
    site: service.site,
    from,
    to,
    approvers: [...(team?.approvers ?? [])],
    approvalsNeeded: approvalsNeeded(decider),
    isTierZero: service.tier === 0,
    reportedAt: report.generatedAt,
    before: { rssBytes: report.rss.bytes, growth: growthOf(report) },
    guards,
    endsRollout,
    secondsToLimit: report.timeToLimitSeconds?.low ?? null,
    secondsToRollBack: expectedSeconds(
      await rollbacks.carriedOut(service.name),
      service.rollback.via?.kind ?? 'command',
    ),
  };
  const isAlone = mayActAlone(decider, guards);
  const after = await rollbacks.change(incident.id, (before) => propose(before, proposal, now(), isAlone));
  if (after === null || after.reportedAt !== report.generatedAt) return;
  await outbox.reply(incident, `rollback-${after.reportedAt}`, renderProposal(after));
  if (after.state === 'approved') await parts.carryOut(after);
}

function growthOf({ growth }: Report): Rollback['before']['growth'] {
  if (growth === null) return null;
  const { bytesPerHour, low, high } = growth;
  return { bytesPerHour, low, high };
}

async function sweep(parts: RollbackDeskParts): Promise<void> {
  const { rollbacks, incidents, refresh, now } = parts;
  for (const incidentId of await rollbacks.open()) {
    const before = await rollbacks.find(incidentId);
    const after = await rollbacks.change(incidentId, (record) => expire(record, now()));
    const incident = after?.state === 'approved' ? await incidents.find(incidentId) : null;
    // Its job is there, as a rule: then this changes nothing.
    if (after?.state === 'acting' || after?.state === 'verifying') await parts.carryOut(after);
    if (after !== null && incident !== null) await settle(after, incident, parts);
    else if (after?.state !== before?.state) await refresh(incidentId);
  }
}
