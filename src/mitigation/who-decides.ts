/** Whether people are asked, how many of them, and whether one of them may decide. Pure but for the look-up of groups. */
import { failed, type Outcome, ok } from '../errors.ts';
import type { Guard } from '../incident/rollback.ts';

export type Decider = {
  mode: 'recommend' | 'approve' | 'auto';
  tier: number | null;
  twoPerson: 'never' | 'offHours' | 'always';
  /** Null: not known, as without a team. */
  isOffHours: boolean | null;
};

/** Two where the tier or the team wants it; hours that are not known count as off-hours. */
export function approvalsNeeded({ tier, twoPerson, isOffHours }: Decider): 1 | 2 {
  if (tier === 0 || twoPerson === 'always') return 2;
  return twoPerson === 'offHours' && isOffHours !== false ? 2 : 1;
}

/** By itself only where the configuration says so, nobody is at work, every guard is green and one person would do. */
export function mayActAlone(decider: Decider, guards: readonly Guard[]): boolean {
  const { mode, isOffHours } = decider;
  const isGreen = guards.length > 0 && guards.every(({ state }) => state === 'green');
  return mode === 'auto' && isOffHours === true && approvalsNeeded(decider) === 1 && isGreen;
}

/** The members of a Slack user group. */
export type UserGroups = { membersOf(groupId: string): Promise<Outcome<readonly string[]>> };

/**
 * May this user approve, by the configured users and user groups? A group that can't be looked up is a Failure, and then
 * nobody may: who left the group must not decide because Slack is slow.
 */
export async function mayDecide(
  userId: string,
  approvers: readonly string[],
  groups: UserGroups,
): Promise<Outcome<boolean>> {
  const lookedUp = await Promise.all(approvers.filter(isGroup).map(async (id) => await groups.membersOf(id)));
  const members: string[] = [];
  for (const answer of lookedUp) {
    if (answer.outcome !== 'ok') return answer;
    members.push(...answer.value);
  }
  return ok(approvers.includes(userId) || members.includes(userId));
}

function isGroup(id: string): boolean {
  return id.startsWith('S');
}

/** What is known of somebody. Null: the team has no approvers, or nobody on call, so nobody can be one. */
export type Standing = { approver: Outcome<boolean> | null; onCall: Outcome<boolean> | null };

/**
 * May somebody say what memory of a service is healthy? Everybody, where its team names nobody to ask; else its
 * approvers and whoever is on call now. What can't be found out is a no, with the reason.
 */
export function judgeBaselineChange(team: string, { approver, onCall }: Standing): Outcome<null> {
  const known = [approver, onCall].filter((one) => one !== null);
  const isOneOf = known.some((one) => one.outcome === 'ok' && one.value);
  if (known.length === 0 || isOneOf) return ok(null);
  const unknown = known.find((one) => one.outcome !== 'ok');
  if (unknown !== undefined) {
    return { ...unknown, why: `nothing was changed, since it is not known whether you may: ${unknown.why}` };
  }
  const circle = [
    ...(approver === null ? [] : [`the approvers of ${team}`]),
    ...(onCall === null ? [] : [`whoever is on call for ${team} now`]),
  ].join(' and ');
  return failed(
    'user',
    `nothing was changed: only ${circle} may say what memory is healthy`,
    'Ask one of them; /memtriage oncall tells who is on call',
  );
}
