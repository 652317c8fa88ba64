/** The pager of one incident: what each event makes of it. Pure: times come in, records and lines of the trail go out. */
import type { AuditEntry } from '../incident/audit.ts';
import type { Pager, Spared, Trouble } from '../incident/pager.ts';
import type { PageDecision } from './paging.ts';

/** The record afterwards, with the lines of the trail that belong to it. */
export type PagerChange = { after: Pager; audit: readonly AuditEntry[] };

export type Situation = {
  trouble: Trouble;
  kills: number;
  limitFrom: string | null;
  decision: PageDecision;
  /** A plain clause: what is wrong. */
  why: string;
  onCall: Pager['onCall'];
  /** A rollback that failed or did not help. */
  setback: { at: string; why: string } | null;
  /** How long whoever asked is waited for. */
  firstWaitSeconds: number;
  /** Its team was paged for another service of the same umbrella; absent or null: it was not. */
  spared?: Spared | null;
};

/** After nobody answered, what becomes worse asks everybody again, but not more often than this. Seconds. */
const NEW_ROUND_AFTER_SECONDS = 1800;
/** A warning is raised once a working day. Seconds. */
const RAISED_EVERY_SECONDS = 12 * 3600;
const KEPT_PAGES = 40;
export const RANK: Readonly<Record<Trouble, number>> = { none: 0, warning: 1, critical: 2, oom: 3 };
export const ACTIVE: readonly Pager['state'][] = ['waiting', 'paging', 'unanswered', 'held', 'snoozed'];

export function newPager(of: { incident: string; service: string; team: string }): Pager {
  return {
    schema: 1,
    version: 0,
    ...of,
    state: 'quiet',
    round: 0,
    begunAt: null,
    level: 0,
    dueAt: null,
    why: '',
    seen: { trouble: 'none', kills: 0, limitFrom: null },
    pages: [],
    holder: null,
    snoozed: null,
    setback: null,
    raisedAt: null,
    onCall: { rules: '', primary: null, until: null, backup: null, clock: null },
  };
}

/** What is known of the incident has changed: whether somebody is paged now, and whether it is over. */
export function assess(before: Pager, situation: Situation, nowMs: number): PagerChange {
  const { trouble, kills, limitFrom, onCall, setback } = situation;
  const known = { ...before, onCall, seen: { trouble, limitFrom, kills: Math.max(kills, before.seen.kills) } };
  if (trouble === 'none') {
    return ACTIVE.includes(before.state) ? finished(known, nowMs) : { after: notSpared(known), audit: [] };
  }
  // Whoever took it counted on the rollback: it did not help, so who is on call is asked anew.
  if (setback !== null && setback.at !== before.setback && before.state !== 'paging') {
    return begun({ ...known, setback: setback.at }, setback.why, nowMs, 0);
  }
  const isWorse = kills > before.seen.kills || RANK[trouble] > RANK[before.seen.trouble];
  switch (before.state) {
    case 'held':
      return { after: known, audit: [] };
    // Whoever is being asked takes it as it then stands, a setback included: that is no reason to ask them again.
    case 'paging':
      return { after: setback === null ? known : { ...known, setback: setback.at }, audit: [] };
    case 'waiting':
      return situation.decision === 'page' ? begun(known, situation.why, nowMs, 0) : { after: known, audit: [] };
    case 'snoozed':
      return situation.decision === 'page' && isWorse
        ? begun(known, situation.why, nowMs, 0)
        : { after: known, audit: [] };
    case 'unanswered':
      return situation.decision === 'page' && isWorse && isRested(before, nowMs)
        ? begun(known, situation.why, nowMs, 0)
        : { after: known, audit: [] };
    case 'quiet':
    case 'over':
      return opened(known, situation, nowMs);
  }
}

function opened(known: Pager, situation: Situation, nowMs: number): PagerChange {
  const { decision, why, firstWaitSeconds, spared = null } = situation;
  switch (decision) {
    case 'page':
      return spared === null ? begun(known, why, nowMs, 0) : sparedFor(known, spared, nowMs);
    case 'page-unless-taken':
      return begun(known, why, nowMs, firstWaitSeconds);
    case 'raise': {
      const last = known.raisedAt === null ? Number.NEGATIVE_INFINITY : Date.parse(known.raisedAt);
      if (nowMs - last < RAISED_EVERY_SECONDS * 1000) return { after: { ...known, state: 'quiet' }, audit: [] };
      const raised = known.onCall.clock ?? why;
      const line = { at: iso(nowMs), who: 'memtriage', what: 'raised', why: raised };
      return { after: { ...known, state: 'quiet', why: raised, raisedAt: iso(nowMs) }, audit: [line] };
    }
    case 'recheck':
    case 'thread':
      return { after: { ...known, state: 'quiet' }, audit: [] };
  }
}

/** Nobody is paged for it: its team was, for another service that was killed at the same time. */
function sparedFor(known: Pager, spared: Spared, nowMs: number): PagerChange {
  const after = { ...known, state: 'quiet' as const, spared };
  if (known.spared?.incident === spared.incident) return { after, audit: [] };
  const { umbrella, incident, service } = spared;
  const why = `${known.team} was paged for ${service} (${incident}) under ${umbrella}`;
  return { after, audit: [{ at: iso(nowMs), who: 'memtriage', what: 'not-paged', why }] };
}

function notSpared(known: Pager): Pager {
  return known.spared == null ? known : { ...known, spared: null };
}

/** The first level is due at once, or after the wait for somebody who is looking already. */
function begun(known: Pager, why: string, nowMs: number, waitSeconds: number): PagerChange {
  const state = waitSeconds > 0 ? 'waiting' : 'paging';
  const dueAt = iso(nowMs + waitSeconds * 1000);
  const fresh = { round: known.round + 1, begunAt: iso(nowMs), level: 0, holder: null, snoozed: null };
  return { after: { ...notSpared(known), ...fresh, state, dueAt, why }, audit: [] };
}

function finished(known: Pager, nowMs: number): PagerChange {
  const line = { at: iso(nowMs), who: 'memtriage', what: 'over', why: 'nobody needs to act any more' };
  return { after: { ...known, state: 'over', dueAt: null, holder: null, snoozed: null }, audit: [line] };
}

function isRested({ pages }: Pager, nowMs: number): boolean {
  const last = pages.at(-1);
  return last === undefined || nowMs - Date.parse(last.at) >= NEW_ROUND_AFTER_SECONDS * 1000;
}

export type Level = {
  round: number;
  level: number;
  /** Slack users; empty: there is nobody for this level, and the next one is asked at once. */
  userIds: readonly string[];
  /** Until the next level, seconds; null: this is the last one. */
  waitSeconds: number | null;
  /** Where they are asked, when not in the incident's own thread. */
  thread?: string;
};

/** A level is asked. Null: it was asked already, or must not be: somebody has it, or it is over. */
export function askLevel(
  before: Pager,
  { round, level, userIds, waitSeconds, thread }: Level,
  nowMs: number,
): PagerChange | null {
  const isOpen = before.state === 'paging' || before.state === 'waiting';
  if (!isOpen || before.round !== round || before.level !== level - 1) return null;
  const wait = userIds.length === 0 ? 0 : waitSeconds;
  const dueAt = waitSeconds === null || wait === null ? null : iso(nowMs + wait * 1000);
  const page = { round, level, userIds: [...userIds], at: iso(nowMs), ...(thread === undefined ? {} : { thread }) };
  const asked = userIds.length === 0 ? 'nobody, since there is nobody for it' : userIds.join(', ');
  const line = { at: iso(nowMs), who: 'memtriage', what: 'paged', why: `level ${level}, ${asked}: ${before.why}` };
  const after = {
    ...before,
    state: 'paging' as const,
    level,
    dueAt,
    pages: [...before.pages, page].slice(-KEPT_PAGES),
  };
  return { after, audit: [line] };
}

/** The wait after the last level has passed. Null: it does not matter any more. */
export function giveUp(before: Pager, round: number, nowMs: number): PagerChange | null {
  if (before.state !== 'paging' || before.round !== round) return null;
  const line = { at: iso(nowMs), who: 'memtriage', what: 'unanswered', why: `nobody answered: ${before.why}` };
  return { after: { ...before, state: 'unanswered', dueAt: null }, audit: [line] };
}

/** The snooze has ended and the trouble has not. Null: it was ended by something else. */
export function wake(before: Pager, round: number, nowMs: number): PagerChange | null {
  if (before.state !== 'snoozed' || before.round !== round || before.snoozed === null) return null;
  if (Date.parse(before.snoozed.until) > nowMs) return null;
  return begun(before, before.why, nowMs, 0);
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
