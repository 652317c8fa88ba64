/** Presses of Approve and Decline judged by the record. Pure: the verdict, and the next record with its lines of the trail. */
import type { DeclineReason, Guard, Rollback } from './rollback.ts';
import { evidenceOf, type Move, way } from './rollback-moves.ts';

export type Approval = {
  userId: string;
  /** That the button was shown with. */
  version: number;
  /** Decided on the server, from the configuration and the user groups; `unknown`: they could not be looked up. */
  permission: 'allowed' | 'refused' | 'unknown';
  /** As they are at this moment. */
  guards: readonly Guard[];
  /** As hours and configuration are at this moment: what was proposed at work may be approved at night. */
  approvalsNeeded: Rollback['approvalsNeeded'];
  /** What the approver answered; null: nothing was asked yet. */
  answers: Answers | null;
};

export type Answers = {
  /** Did a migration run that can't be undone? Null: it was not asked. */
  migration: 'no' | 'yes' | 'unknown' | null;
  /** The name of the service, typed by hand; null: it was not asked. */
  typedName: string | null;
};

/** What a press of Approve comes to. All but the last three do nothing. */
export type ApprovalVerdict =
  | 'gone'
  | 'decided'
  | 'expired'
  | 'stale'
  | 'nobody-may'
  | 'not-allowed'
  | 'same-person'
  | 'blocked'
  | 'name-differs'
  | 'migration-forbids'
  | 'must-answer'
  | 'first-of-two'
  | 'approved';

/** First that holds decides, in this order; tested as a truth table. */
export function judgeApproval(before: Rollback | null, press: Approval, nowMs: number): ApprovalVerdict {
  if (before === null) return 'gone';
  if (before.state !== 'proposed') return before.state === 'expired' ? 'expired' : 'decided';
  if (nowMs >= Date.parse(before.expiresAt)) return 'expired';
  if (press.version !== before.version) return 'stale';
  if (press.permission === 'unknown') return 'nobody-may';
  if (press.permission === 'refused') return 'not-allowed';
  // The first of two asks for it, the second agrees: they are two persons.
  if (before.approvals.some(({ userId }) => userId === press.userId)) return 'same-person';
  if (press.guards.some(({ state }) => state === 'red')) return 'blocked';
  const answered = judgeAnswers(before, press);
  if (answered !== null) return answered;
  return before.approvals.length + 1 < needed(before, press) ? 'first-of-two' : 'approved';
}

/** Never fewer than those who were asked. */
function needed(before: Rollback, press: Pick<Approval, 'approvalsNeeded'>): Rollback['approvalsNeeded'] {
  return before.approvalsNeeded === 2 ? 2 : press.approvalsNeeded;
}

function judgeAnswers(before: Rollback, { guards, answers }: Approval): ApprovalVerdict | null {
  if (answers === null)
    return before.isTierZero || guards.some(({ state }) => state === 'amber') ? 'must-answer' : null;
  if (before.isTierZero && answers.typedName !== before.service) return 'name-differs';
  if (!isMigrationOpen(before, guards)) return null;
  return answers.migration === 'no' ? null : 'migration-forbids';
}

/** The name of the guard that an approver may answer for. */
export const MIGRATION = 'migration';

/** Nobody told, and nobody was asked yet, whether the two releases have a migration between them that can't be undone. */
export function isMigrationOpen({ migrationWord }: Rollback, guards: readonly Guard[]): boolean {
  return migrationWord === null && guards.some(({ name, state }) => name === MIGRATION && state === 'amber');
}

/** The press and what it changes; `move` is null for everything that does nothing. */
export function approve(
  before: Rollback | null,
  press: Approval,
  nowMs: number,
): { verdict: ApprovalVerdict; move: Move | null } {
  const verdict = judgeApproval(before, press, nowMs);
  if (before === null || (verdict !== 'first-of-two' && verdict !== 'approved')) return { verdict, move: null };
  const at = new Date(nowMs).toISOString();
  const { userId, guards } = press;
  const after: Rollback = {
    ...before,
    state: verdict === 'approved' ? 'approved' : 'proposed',
    requestedBy: before.approvals.length === 0 ? userId : before.requestedBy,
    approvalsNeeded: needed(before, press),
    approvals: [...before.approvals, { userId, at }],
    guards: [...guards],
    migrationWord: isMigrationOpen(before, guards) ? { by: userId, at } : before.migrationWord,
  };
  const count = `${after.approvals.length} of ${after.approvalsNeeded}`;
  const word =
    before.migrationWord === null && after.migrationWord !== null ? '; says that no migration forbids it' : '';
  const why = `${way(before)}, approval ${count}${word}; ${evidenceOf(guards)}`;
  return { verdict, move: { after, audit: [{ at, who: userId, what: 'approved', why }] } };
}

const ASKS_NOTHING: Pick<Approval, 'guards' | 'answers' | 'approvalsNeeded'> = {
  guards: [],
  answers: null,
  approvalsNeeded: 1,
};

export type Decline = Pick<Approval, 'userId' | 'version' | 'permission'> & { reason: DeclineReason; note: string };

/** As `approve`; who asked first may still decline. */
export function decline(
  before: Rollback | null,
  press: Decline,
  nowMs: number,
): { verdict: ApprovalVerdict | 'declined'; move: Move | null } {
  const { userId, reason, note } = press;
  const judged = judgeApproval(before, { ...press, ...ASKS_NOTHING, userId: '' }, nowMs);
  const isOpen = judged === 'approved' || judged === 'first-of-two' || judged === 'must-answer';
  if (before === null || !isOpen) return { verdict: judged, move: null };
  const at = new Date(nowMs).toISOString();
  const why = `${way(before)}: ${reason}${note === '' ? '' : `, ${note}`}`;
  const after: Rollback = { ...before, state: 'declined', declined: { by: userId, at, reason, note } };
  return { verdict: 'declined', move: { after, audit: [{ at, who: userId, what: 'declined', why }] } };
}
