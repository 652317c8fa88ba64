/** A rollback in words: what the root says of its state, who acts next, and which buttons that leaves. */
import type { Guard, Rollback, RollbackState } from '../incident/rollback.ts';
import { escapeMrkdwn, localTime, mention } from './slack-blocks.ts';
import type { RootPart } from './slack-buttons.ts';
import { serviceName } from './slack-root.ts';

const GUARD_SIGNS = { green: '✅', amber: '⚠️', red: '⛔' } as const;
const GUARD_WORDS = { green: 'holds', amber: 'not sure', red: 'blocks' } as const;
export const DECLINE_WORDS = {
  'false-alarm': 'false alarm',
  'known-batch': 'a known batch',
  'fix-forward': 'it is fixed forward',
  wait: 'wait',
} as const;

/** From here on, the advice of the report has been followed, or was tried. */
const ACTED: ReadonlySet<RollbackState> = new Set([
  'acting',
  'verifying',
  'recovered',
  'not-recovered',
  'unproven',
  'failed',
]);

/** What the root shows of the rollback in its state. */
export function rollbackPart(rollback: Rollback): RootPart {
  const overtakesReport = ACTED.has(rollback.state);
  const shown = { head: headOf(rollback), lines: linesOf(rollback), overtakesReport };
  if (rollback.state !== 'proposed') return { ...shown, buttons: [] };
  const { version, from, to } = rollback;
  const text = `${rollback.service}: ${from} → ${to}. What you approve is carried out at once.`;
  return {
    ...shown,
    buttons: [
      { action: 'approve_rollback', version, confirm: { title: 'Roll back?', text, yes: 'Approve' } },
      { action: 'decline_rollback', version },
    ],
  };
}

function headOf(rollback: Rollback): string | null {
  const { state, approvals, approvalsNeeded, act, proof } = rollback;
  const name = `*${serviceName(rollback)}*`;
  const way = `${escapeMrkdwn(rollback.from, 60)} → ${escapeMrkdwn(rollback.to, 60)}`;
  switch (state) {
    case 'proposed':
      if (approvals.length === 0) return null;
      return `🔴 ${name} — *approval ${approvals.length}/${approvalsNeeded}* by ${namesOf(approvals)}, one more is needed`;
    case 'approved':
      return `🔵 ${name} — *rollback ${way} approved* by ${namesOf(approvals)}, about to start`;
    case 'acting':
      return `🔵 ${name} — *rolling back ${way}*`;
    case 'verifying':
      return `🔵 ${name} — *rolled back to ${escapeMrkdwn(rollback.to, 60)}*${act?.endedAt == null ? '' : ` at ${localTime(act.endedAt)}`}, watching whether memory recovers`;
    case 'recovered':
      return `🟢 ${name} — *RECOVERED* after the rollback ${way}: ${escapeMrkdwn(proof?.message ?? '', 400)}`;
    case 'not-recovered':
      return `🔴 ${name} — *NOT RECOVERED* after the rollback ${way}: ${escapeMrkdwn(proof?.message ?? '', 400)}`;
    case 'unproven':
      return `🟠 ${name} — *CAN'T TELL whether the rollback helped* (${way}): ${escapeMrkdwn(proof?.message ?? '', 400)}`;
    case 'failed':
      return `🔴 ${name} — *${act?.outcome === 'unknown' ? 'NOBODY CAN TELL whether it was rolled back' : 'ROLLBACK FAILED'}* (${way}): ${escapeMrkdwn(act?.message ?? '', 400)}`;
    case 'declined':
    case 'expired':
    case 'blocked':
      return null;
  }
}

function linesOf(rollback: Rollback): string[] {
  const { state, approvals, approvers, declined, guards } = rollback;
  switch (state) {
    case 'proposed':
      return [
        guardLine(guards),
        `*Next:* ${nextApprovers(rollback)} ${approvals.length === 0 ? 'approve' : 'approve too'} or decline until ${localTime(rollback.expiresAt)}; then nothing happens by itself`,
      ];
    case 'declined':
      if (declined === null) return [];
      return [
        `⚪ Rollback declined by ${mention(declined.by)} at ${localTime(declined.at)}: ${DECLINE_WORDS[declined.reason]}${declined.note === '' ? '' : `, ${escapeMrkdwn(declined.note)}`}`,
      ];
    case 'expired':
      if (rollback.withdrawn !== null) {
        return [`⚪ The rollback is not proposed any more: ${escapeMrkdwn(rollback.withdrawn)}`];
      }
      return [
        `⚪ The rollback was not decided until ${localTime(rollback.expiresAt)}, so nothing was done. *Next:* ${approvers.map(approverName).join(', ')} look again for fresh figures`,
      ];
    case 'blocked':
      return [guardLine(guards), '⛔ No rollback from here while a guard blocks; *Next:* whoever is on call'];
    case 'acting':
      return [`🔵 ${escapeMrkdwn(rollback.act?.message ?? '', 300)}. *Next:* the collector; nobody has to act`];
    case 'verifying':
      return ['*Next:* memtriage tells whether memory recovered; nobody has to act'];
    case 'not-recovered':
      return [`*Next:* ${nextApprovers(rollback)}: the rollback did not cure it`];
    case 'unproven':
      return [`*Next:* ${nextApprovers(rollback)} look which release runs and how its memory goes`];
    case 'failed': {
      const what = rollback.act?.outcome === 'unknown' ? 'look which release runs' : 'roll back by hand';
      return [`*Next:* ${nextApprovers(rollback)} ${what}; memtriage does not try again by itself`];
    }
    case 'approved':
    case 'recovered':
      return [];
  }
}

/** `Guards: ✅ 7 hold · ⚠️ migration: not told by the deploy`. What does not hold is told with its evidence. */
function guardLine(guards: readonly Guard[]): string {
  const green = guards.filter(({ state }) => state === 'green').length;
  const others = guards.filter(({ state }) => state !== 'green').map(describeGuard);
  return `*Guards:* ${[`✅ ${green} of ${guards.length} hold`, ...others].join(' · ')}`;
}

/** `⛔ freeze window blocks: until Mon 09:00`. Escaped. */
export function describeGuard({ name, state, evidence }: Guard): string {
  return `${GUARD_SIGNS[state]} ${escapeMrkdwn(name, 60)} ${GUARD_WORDS[state]}: ${escapeMrkdwn(evidence)}`;
}

function nextApprovers({ approvers }: Rollback): string {
  return approvers.map(approverName).join(', ') || 'nobody (no approvers are configured)';
}

/** A user or a user group as Slack shows it. */
export function approverName(id: string): string {
  return /^S[A-Z0-9]{2,20}$/.test(id) ? `<!subteam^${id}>` : mention(id);
}

function namesOf(approvals: Rollback['approvals']): string {
  return approvals.map(({ userId }) => mention(userId)).join(' and ');
}
