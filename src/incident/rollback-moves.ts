/** What becomes of a rollback without a person: proposed, taken back, run out. Pure: the record in, the next one and its lines of the trail out. */
import type { AuditEntry } from './audit.ts';
import type { Guard, Rollback } from './rollback.ts';

/** Facts of section 4: an approval stands on figures, and figures grow old. */
export const APPROVAL_SECONDS = 15 * 60;
/** Who approves where the configuration lets memtriage act by itself. */
export const MEMTRIAGE = 'memtriage';

export type Proposal = Pick<
  Rollback,
  | 'incident'
  | 'service'
  | 'site'
  | 'from'
  | 'to'
  | 'approvers'
  | 'approvalsNeeded'
  | 'isTierZero'
  | 'reportedAt'
  | 'before'
  | 'guards'
  | 'endsRollout'
  | 'secondsToLimit'
  | 'secondsToRollBack'
>;

export type Move = { after: Rollback; audit: readonly AuditEntry[] };

/**
 * The record of a new report's proposal; null where it leaves the one there alone: the same report again, one that is
 * being carried out, one that the first of two approved, one that a person declined for more than a while. `auto`: nobody needs
 * to be asked, unless a person declined it before, or it was tried.
 */
export function propose(before: Rollback | null, proposal: Proposal, nowMs: number, auto: boolean): Move | null {
  if (before !== null && !mayBeProposedAnew(before, proposal)) return null;
  const isBlocked = proposal.guards.some(({ state }) => state === 'red');
  const at = new Date(nowMs).toISOString();
  const isAsked = before !== null && mustBeAsked(before);
  const state = isBlocked ? 'blocked' : auto && !isAsked ? 'approved' : 'proposed';
  const after: Rollback = {
    schema: 1,
    version: 0,
    ...proposal,
    ...(isAsked ? { isAsked } : {}),
    state,
    requestedBy: MEMTRIAGE,
    approvals: state === 'approved' ? [{ userId: MEMTRIAGE, at }] : [],
    proposedAt: at,
    expiresAt: new Date(nowMs + APPROVAL_SECONDS * 1000).toISOString(),
    migrationWord: null,
    withdrawn: null,
    declined: null,
    act: null,
    proof: null,
  };
  const what = state === 'approved' ? 'approved' : state;
  return { after, audit: [{ at, who: MEMTRIAGE, what, why: `${way(proposal)}; ${evidenceOf(proposal.guards)}` }] };
}

/** A person said no to it, or it was tried: what comes after that is theirs to decide, whatever the configuration says. */
function mustBeAsked({ isAsked, declined, act }: Rollback): boolean {
  return isAsked === true || declined !== null || act !== null;
}

function mayBeProposedAnew(before: Rollback, proposal: Proposal): boolean {
  const { state, reportedAt, declined } = before;
  if (reportedAt === proposal.reportedAt) return false;
  if (state === 'approved' || state === 'acting' || state === 'verifying') return false;
  if (isHalfApproved(before, proposal)) return false;
  return state !== 'declined' || declined?.reason === 'wait';
}

/** The first of two agreed to this very way, and nothing speaks against it since: newer figures must not undo that. */
function isHalfApproved({ state, approvals, from, to }: Rollback, proposal: Proposal): boolean {
  const isSameWay = from === proposal.from && to === proposal.to;
  const isBlocked = proposal.guards.some((guard) => guard.state === 'red');
  return state === 'proposed' && approvals.length > 0 && isSameWay && !isBlocked;
}

/** A newer report that says otherwise takes back what it stood on; null: nothing to take back. */
export function withdraw(before: Rollback | null, reportedAt: string, why: string, nowMs: number): Move | null {
  if (before?.state !== 'proposed' && before?.state !== 'blocked') return null;
  if (before.reportedAt === reportedAt) return null;
  const at = new Date(nowMs).toISOString();
  return {
    after: { ...before, state: 'expired', withdrawn: why },
    audit: [{ at, who: MEMTRIAGE, what: 'withdrawn', why }],
  };
}

/** Nobody decided in time; null: it is not due, or it was decided. */
export function expire(before: Rollback | null, nowMs: number): Move | null {
  if (before?.state !== 'proposed' || nowMs < Date.parse(before.expiresAt)) return null;
  const at = new Date(nowMs).toISOString();
  const why = `${way(before)}: ${before.approvals.length} of ${before.approvalsNeeded} approvals by ${before.expiresAt}`;
  return { after: { ...before, state: 'expired' }, audit: [{ at, who: MEMTRIAGE, what: 'expired', why }] };
}

/** `checkout v2 -> v1`, for the trail. */
export function way({ service, from, to }: Pick<Rollback, 'service' | 'from' | 'to'>): string {
  return `${service} ${from} -> ${to}`;
}

/** The guards in one line of the trail. */
export function evidenceOf(guards: readonly Guard[]): string {
  return guards.map(({ name, state, evidence }) => `${name} ${state} (${evidence})`).join(', ');
}
