/** What whoever pressed Approve or Decline is told, and what the thread keeps of it. */
import type { Guard, Rollback } from '../incident/rollback.ts';
import type { ApprovalVerdict } from '../incident/rollback-decisions.ts';
import { formatDuration } from '../units.ts';
import { code, escapeMrkdwn, fitMessage, localTime, mention, type SlackMessage, section } from './slack-blocks.ts';
import type { Modal, ModalField } from './slack-modal.ts';
import { approverName, DECLINE_WORDS, describeGuard } from './slack-rollback.ts';

const NOTHING = 'nothing was done';

/** One sentence or two, escaped. `why`: what the look-up of the approvers failed by. */
export function answerPress(
  verdict: Exclude<ApprovalVerdict, 'must-answer'> | 'declined',
  rollback: Rollback | null,
  { guards, why }: { guards: readonly Guard[]; why: string },
): string {
  if (rollback === null || verdict === 'gone') return `⚪ There is no rollback to decide here any more; ${NOTHING}.`;
  switch (verdict) {
    case 'decided':
      return `⚪ ${decidedBy(rollback)}; your press did nothing.`;
    case 'expired':
      if (rollback.withdrawn !== null)
        return `⚪ It is not proposed any more (${escapeMrkdwn(rollback.withdrawn)}), so ${NOTHING}.`;
      return `⚪ This could be decided until ${localTime(rollback.expiresAt)}: the figures are too old now, and ${NOTHING}. *Look again* brings new ones.`;
    case 'stale':
      return `⚪ The state changed since that button was shown, so ${NOTHING}. Read the first message of the thread again and use its buttons.`;
    case 'nobody-may':
      return `🟠 Nobody may decide right now: ${escapeMrkdwn(why)}. So ${NOTHING}.`;
    case 'not-allowed':
      return `⛔ Only ${approversOf(rollback)} may decide this, so ${NOTHING}. Ask them.`;
    case 'same-person':
      return `⚪ You approved already; a second person of ${approversOf(rollback)} has to agree. So ${NOTHING}.`;
    case 'blocked':
      return [`⛔ A guard blocks, so ${NOTHING}:`, ...ofState(guards, 'red')].join('\n');
    case 'name-differs':
      return `⚪ That is not the name of the service, so ${NOTHING}.`;
    case 'migration-forbids':
      return `⛔ A migration that may not be undone forbids it, so ${NOTHING}. Decline it, and fix it forward or ask whoever wrote the migration.`;
    case 'first-of-two':
      return `🔴 Your approval counts. A second person of ${approversOf(rollback)} has to agree until ${localTime(rollback.expiresAt)}.`;
    case 'approved':
      return `🔵 Approved: ${way(rollback)}. The thread tells how it goes.`;
    case 'declined':
      return `⚪ Declined. It is in the thread.`;
  }
}

/** The reply in the thread: who decided what, on which evidence. */
export function renderDecision(rollback: Rollback): SlackMessage {
  const { declined, approvals, approvalsNeeded, guards, migrationWord } = rollback;
  const last = approvals.at(-1);
  const lines =
    declined !== null
      ? [`⚪ Rollback ${way(rollback)} declined by ${mention(declined.by)}: ${declinePhrase(declined)}`]
      : [
          `🔵 Rollback ${way(rollback)}: approval ${approvals.length} of ${approvalsNeeded} by ${mention(last?.userId ?? '')}`,
          ...(migrationWord === null ? [] : [`No migration forbids it, by the word of ${mention(migrationWord.by)}`]),
          ...guards.map(describeGuard),
        ];
  return fitMessage(lines.join('\n'), [section(lines)]);
}

/** The reply below a proposal: every guard with what it was judged by, the time there is, and who may decide. */
export function renderProposal(rollback: Rollback): SlackMessage {
  const { state, guards, approvalsNeeded, expiresAt } = rollback;
  const asked = approvalsNeeded === 1 ? 'one of' : 'two different persons of';
  const head =
    state === 'blocked'
      ? `⛔ Rollback ${way(rollback)} is not offered: a guard blocks`
      : state === 'approved'
        ? `🔵 Rollback ${way(rollback)} starts by itself: off-hours, every guard holds, and the configuration says so`
        : `🔴 Rollback ${way(rollback)}: ${asked} ${approversOf(rollback)} may approve it until ${localTime(expiresAt)}`;
  const lines = [head, ...guards.map(describeGuard), ...timeLine(rollback)];
  return fitMessage(lines.join('\n'), [section(lines)]);
}

/** The time to the limit against the time that a rollback takes. */
export function timeLine({ secondsToLimit, secondsToRollBack }: Rollback): string[] {
  if (secondsToLimit === null || secondsToRollBack === null) return [];
  const limit = formatDuration(secondsToLimit);
  const takes = formatDuration(secondsToRollBack);
  return secondsToLimit <= secondsToRollBack
    ? [`⚠️ The limit may be reached in ${limit}, a rollback takes about ${takes}: restart the worst instance first`]
    : [`⏱ ${limit} to the limit at the earliest, a rollback takes about ${takes}`];
}

/** Asked where a guard is not sure, and for tier 0. */
export function approvalModal(rollback: Rollback, guards: readonly Guard[], asksMigration: boolean): Modal {
  const { service, from, to, isTierZero } = rollback;
  const migration: ModalField = {
    kind: 'choice',
    id: 'migration',
    label: `Did anything between ${to} and ${from} change data for good?`,
    options: [
      { value: 'no', label: 'No: going back is safe' },
      { value: 'yes', label: 'Yes: it can not be undone' },
      { value: 'unknown', label: "I don't know" },
    ],
  };
  const name: ModalField = {
    kind: 'text',
    id: 'name',
    label: `Type the service's name: ${service}`,
    isOptional: false,
  };
  return {
    title: 'Approve rollback',
    submit: 'Roll back',
    lines: [
      `*${escapeMrkdwn(service, 80)}* ${way(rollback)}`,
      ...guards.map(describeGuard),
      ...timeLine(rollback),
      'What is marked ⚠️ could not be told for sure: roll back only if you know it to be right.',
    ],
    fields: [...(asksMigration ? [migration] : []), ...(isTierZero ? [name] : [])],
  };
}

export function declineModal(rollback: Rollback): Modal {
  const reason: ModalField = {
    kind: 'choice',
    id: 'reason',
    label: 'Why not?',
    options: [
      { value: 'false-alarm', label: 'False alarm' },
      { value: 'known-batch', label: 'A known batch: it will go by itself' },
      { value: 'fix-forward', label: 'It is fixed forward' },
      { value: 'wait', label: 'Wait: ask again with the next report' },
    ],
  };
  const note: ModalField = { kind: 'text', id: 'note', label: 'What should others know?', isOptional: true };
  return { title: 'Decline rollback', submit: 'Decline', lines: [way(rollback)], fields: [reason, note] };
}

function decidedBy({ state, declined, approvals }: Rollback): string {
  if (declined !== null) return `${mention(declined.by)} declined it at ${localTime(declined.at)}`;
  if (state === 'blocked') return 'A guard blocks this rollback';
  const last = approvals.at(-1);
  const names = approvals.map(({ userId }) => mention(userId)).join(' and ');
  return last === undefined ? 'It was decided already' : `Already approved by ${names} at ${localTime(last.at)}`;
}

function declinePhrase({ reason, note }: NonNullable<Rollback['declined']>): string {
  return `${DECLINE_WORDS[reason]}${note === '' ? '' : `, ${escapeMrkdwn(note, 500)}`}`;
}

function ofState(guards: readonly Guard[], state: Guard['state']): string[] {
  return guards.filter((guard) => guard.state === state).map(describeGuard);
}

function approversOf({ approvers }: Rollback): string {
  return approvers.map(approverName).join(', ') || 'nobody (no approvers are configured)';
}

function way({ from, to }: Rollback): string {
  return `${code(from, 60)} → ${code(to, 60)}`;
}
