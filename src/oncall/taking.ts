/** What people make of the pager: they take it, pass it on, and put it off. */
import type { AuditEntry } from '../incident/audit.ts';
import type { Pager } from '../incident/pager.ts';
import type { Rollback } from '../incident/rollback.ts';
import { MEMTRIAGE } from '../incident/rollback-moves.ts';
import { ACTIVE, iso, type PagerChange, RANK } from './escalation.ts';

/** Why a person's wish was not followed. */
export type PagerRefusal = 'over' | 'held-by-you' | 'held-by-other' | 'not-held' | 'same-person' | 'other-round';
export type PagerAnswer = { kind: 'changed'; change: PagerChange } | { kind: 'refused'; why: PagerRefusal };

/** `round`: of the button that was pressed. */
export function acknowledge(before: Pager | null, userId: string, round: number, nowMs: number): PagerAnswer {
  const refused = notActive(before, round);
  if (before === null || refused !== null) return refused ?? { kind: 'refused', why: 'over' };
  if (before.state === 'held') {
    return { kind: 'refused', why: before.holder?.userId === userId ? 'held-by-you' : 'held-by-other' };
  }
  const line = { at: iso(nowMs), who: userId, what: 'acknowledged', why: before.why };
  return changed(heldBy(before, userId, nowMs), line);
}

/**
 * Whoever decided on the rollback since the round began, be it yes or no, is awake and at it: they have it. One that
 * starts by itself wakes nobody, and so spares nobody. The very same change back when nobody did.
 */
export function takenByDecider(change: PagerChange, rollback: Rollback | null, nowMs: number): PagerChange {
  const { after, audit } = change;
  const isAsking = after.state === 'waiting' || after.state === 'paging' || after.state === 'unanswered';
  if (rollback === null || !isAsking || after.begunAt === null) return change;
  const { approvals, declined } = rollback;
  const decisions = approvals.flatMap(({ userId, at }) => (userId === MEMTRIAGE ? [] : [{ by: userId, at }]));
  if (declined !== null) decisions.push(declined);
  const begunMs = Date.parse(after.begunAt);
  const last = decisions.findLast(({ at }) => Date.parse(at) >= begunMs);
  const answer = last === undefined ? null : acknowledge(after, last.by, after.round, nowMs);
  if (answer?.kind !== 'changed') return change;
  return { after: answer.change.after, audit: [...audit, ...answer.change.audit] };
}

/** From whoever holds it to somebody else; the note stands in the trail. */
export function handOver(
  before: Pager | null,
  { by, to, note, round }: { by: string; to: string; note: string; round: number },
  nowMs: number,
): PagerAnswer {
  const refused = notActive(before, round);
  if (before === null || refused !== null) return refused ?? { kind: 'refused', why: 'over' };
  if (before.state !== 'held') return { kind: 'refused', why: 'not-held' };
  if (before.holder?.userId !== by) return { kind: 'refused', why: 'held-by-other' };
  if (to === by) return { kind: 'refused', why: 'same-person' };
  const line = { at: iso(nowMs), who: by, what: 'handed-over', why: `to ${to}${note === '' ? '' : `: ${note}`}` };
  return changed(heldBy(before, to, nowMs), line);
}

export function snooze(
  before: Pager | null,
  { by, untilMs, round }: { by: string; untilMs: number; round: number },
  nowMs: number,
): PagerAnswer {
  const refused = notActive(before, round);
  if (before === null || refused !== null) return refused ?? { kind: 'refused', why: 'over' };
  if (before.state === 'held' && before.holder?.userId !== by) return { kind: 'refused', why: 'held-by-other' };
  const line = { at: iso(nowMs), who: by, what: 'snoozed', why: `until ${iso(untilMs)}` };
  const until = iso(untilMs);
  return changed({ ...before, state: 'snoozed', dueAt: until, holder: null, snoozed: { by, until } }, line);
}

/** It became worse than what the holder knew of when they took it. */
export function isWorseThanTaken({ state, holder, seen }: Pager): boolean {
  return state === 'held' && holder !== null && RANK[seen.trouble] > RANK[holder.trouble];
}

function heldBy(before: Pager, userId: string, nowMs: number): Pager {
  return {
    ...before,
    state: 'held',
    dueAt: null,
    snoozed: null,
    holder: { userId, at: iso(nowMs), trouble: before.seen.trouble },
  };
}

function notActive(before: Pager | null, round: number): PagerAnswer | null {
  if (before === null || !ACTIVE.includes(before.state)) return { kind: 'refused', why: 'over' };
  return before.round === round ? null : { kind: 'refused', why: 'other-round' };
}

function changed(after: Pager, line: AuditEntry): PagerAnswer {
  return { kind: 'changed', change: { after, audit: [line] } };
}
