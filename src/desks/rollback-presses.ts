/** Presses of Approve and Decline: judged by what is stored and by who may, never by what a client shows. */
import { setTimeout } from 'node:timers/promises';
import type { Press, PressAnswer, Submission } from '../adapters/slack/action-desk.ts';
import type { Service } from '../config/config.ts';
import { inconclusive } from '../errors.ts';
import type { Incident } from '../incident/incident.ts';
import { DeclineReason, type Rollback } from '../incident/rollback.ts';
import {
  type Answers,
  type Approval,
  approve,
  decline,
  isMigrationOpen,
  judgeApproval,
} from '../incident/rollback-decisions.ts';
import { approvalsNeeded, mayDecide } from '../mitigation/who-decides.ts';
import { answerPress, approvalModal, declineModal, renderDecision } from '../report/slack-rollback-answers.ts';
import type { RollbackDesk, RollbackDeskParts } from './rollback-desk.ts';
import { deciderOf, guardsNow } from './rollback-facts.ts';

/** A person waits, and Slack's trigger for a form lives 3 s. */
const GROUPS_DEADLINE_MS = 1500;
const NO_ANSWER = inconclusive(
  'upstream',
  'Slack did not tell in time who is in the user groups of the approvers',
  'Press again in a minute',
);

export function rollbackActions(parts: RollbackDeskParts): Pick<RollbackDesk, 'approve_rollback' | 'decline_rollback'> {
  return {
    approve_rollback: {
      press: async (press) => await pressApprove(press, null, parts),
      async submit(submission) {
        const answered = await pressApprove(submission, toAnswers(submission), parts);
        return answered.kind === 'told' ? answered.text : null;
      },
    },
    decline_rollback: {
      press: (press) => pressDecline(press, parts),
      submit: (submission) => submitDecline(submission, parts),
    },
  };
}

/** What is known about one press, before it is judged. */
type Case = { rollback: Rollback; service: Service; incident: Incident };

/** The case of a press, or why there is none. What a button carries proves nothing: it has to stand in its own thread. */
async function caseOf(press: Press, parts: RollbackDeskParts): Promise<Case | string> {
  const { world, incidents, rollbacks, outbox } = parts;
  const [incident, rollback, thread] = await Promise.all([
    incidents.find(press.incidentId),
    rollbacks.find(press.incidentId),
    outbox.findThread(press.incidentId),
  ]);
  const service = incident === null ? undefined : world.config.services.get(incident.service);
  if (incident === null || rollback === null || service === undefined) return answerPress('gone', null, NO_DETAIL);
  if (thread === null || thread.channelId !== press.channelId || thread.rootTs !== press.threadTs) {
    await refused(press, rollback, 'the press came from another place than the thread of the incident', parts);
    return '⛔ That button does not belong to this thread, so nothing was done.';
  }
  if (service.rollback.mode === 'recommend') {
    return '⚪ The configuration only recommends rollbacks of this service by now, so nothing was done.';
  }
  return { incident, rollback, service };
}

async function pressApprove(press: Press, answers: Answers | null, parts: RollbackDeskParts): Promise<PressAnswer> {
  const { rollbacks, now } = parts;
  const found = await caseOf(press, parts);
  if (typeof found === 'string') return told(found);
  const { rollback, service, incident } = found;
  const decider = await deciderOf(service, parts);
  const [permission, { guards }] = await Promise.all([
    permissionOf(press.userId, rollback, parts),
    guardsNow(service, rollback, { known: rollback, decider }, parts),
  ]);
  const needed = approvalsNeeded(decider);
  const approval: Approval = { ...press, permission: permission.word, guards, answers, approvalsNeeded: needed };
  let verdict = judgeApproval(rollback, approval, now());
  const after = await rollbacks.change(incident.id, (before) => {
    const judged = approve(before, approval, now());
    verdict = judged.verdict;
    return judged.move;
  });
  if (verdict === 'must-answer') {
    return { kind: 'modal', modal: approvalModal(rollback, guards, isMigrationOpen(rollback, guards)) };
  }
  if (verdict === 'not-allowed' || verdict === 'nobody-may' || verdict === 'blocked') {
    await refused(press, rollback, `${verdict} ${permission.why}`.trim(), parts);
  }
  if (after !== null && (verdict === 'first-of-two' || verdict === 'approved')) await settle(after, incident, parts);
  return told(answerPress(verdict, after, { guards, why: permission.why }));
}

async function pressDecline(press: Press, parts: RollbackDeskParts): Promise<PressAnswer> {
  const found = await caseOf(press, parts);
  if (typeof found === 'string') return told(found);
  const permission = await permissionOf(press.userId, found.rollback, parts);
  const { verdict } = decline(
    found.rollback,
    { ...press, permission: permission.word, reason: 'wait', note: '' },
    parts.now(),
  );
  if (verdict === 'declined') return { kind: 'modal', modal: declineModal(found.rollback) };
  if (verdict === 'not-allowed') await refused(press, found.rollback, 'not-allowed to decline', parts);
  if (verdict === 'must-answer') throw new Error('declining asks for no answers');
  return told(answerPress(verdict, found.rollback, { guards: [], why: permission.why }));
}

async function submitDecline(submission: Submission, parts: RollbackDeskParts): Promise<string> {
  const reason = DeclineReason.safeParse(submission.values['reason']);
  if (!reason.success) return '⚪ Without a reason nothing was done. Press Decline again.';
  const found = await caseOf(submission, parts);
  if (typeof found === 'string') return found;
  const permission = await permissionOf(submission.userId, found.rollback, parts);
  const note = (submission.values['note'] ?? '').trim();
  const press = { ...submission, permission: permission.word, reason: reason.data, note };
  let verdict = decline(found.rollback, press, parts.now()).verdict;
  const after = await parts.rollbacks.change(found.incident.id, (before) => {
    const judged = decline(before, press, parts.now());
    verdict = judged.verdict;
    return judged.move;
  });
  if (verdict === 'must-answer') throw new Error('declining asks for no answers');
  if (after !== null && verdict === 'declined') await settle(after, found.incident, parts);
  return answerPress(verdict, after, { guards: [], why: permission.why });
}

/** After a decision: what was approved goes on its way, the thread tells it, the root shows it. Safe to repeat. */
export async function settle(rollback: Rollback, incident: Incident, parts: RollbackDeskParts): Promise<void> {
  if (rollback.state === 'approved') await parts.carryOut(rollback);
  await parts.outbox.reply(incident, `decision-${rollback.version}`, renderDecision(rollback));
  await parts.refresh(incident.id);
}

async function permissionOf(
  userId: string,
  { approvers }: Rollback,
  { groups }: RollbackDeskParts,
): Promise<{ word: Approval['permission']; why: string }> {
  const late = setTimeout(GROUPS_DEADLINE_MS, NO_ANSWER, { ref: false });
  const answer = await Promise.race([mayDecide(userId, approvers, groups), late]);
  if (answer.outcome !== 'ok') return { word: 'unknown', why: `${answer.why}. ${answer.tryThis}` };
  return { word: answer.value ? 'allowed' : 'refused', why: '' };
}

/** A press that was turned away is part of the trail too. */
async function refused(press: Press, { version }: Rollback, why: string, { audit, now }: RollbackDeskParts) {
  const at = new Date(now()).toISOString();
  const { incidentId, userId, actionId } = press;
  const key = `refused-${actionId}-${userId}-${version}-${why}`;
  await audit.append(incidentId, key, { at, who: userId, what: 'refused', why: `${actionId}: ${why}` });
}

function toAnswers({ values }: Submission): Answers {
  const migration = values['migration'];
  return {
    migration: migration === 'no' || migration === 'yes' || migration === 'unknown' ? migration : null,
    typedName: values['name']?.trim() ?? null,
  };
}

function told(text: string): PressAnswer {
  return { kind: 'told', text };
}

const NO_DETAIL = { guards: [], why: '' };
