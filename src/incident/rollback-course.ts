/** How an approved rollback goes to its end. Pure: the record in, the next one and its lines of the trail out. */
import type { AuditEntry } from './audit.ts';
import type { Guard, Rollback } from './rollback.ts';

export type Step = { after: Rollback; audit: readonly AuditEntry[] };
type Act = NonNullable<Rollback['act']>;
type Proof = NonNullable<Rollback['proof']>;

/** Whether it helped; `unproven`: nobody can tell. */
export type ProofVerdict = Extract<Rollback['state'], 'recovered' | 'not-recovered' | 'unproven'>;

const MEMTRIAGE = 'memtriage';

/** The same for every try at one rollback, and another one for the next proposal of the same incident. */
export function orderKey({ incident, proposedAt }: Rollback): string {
  return `${incident}/rollback/${proposedAt}`;
}

/** A guard does not hold any more: nothing is done. Null: it is not approved, or somebody was faster. */
export function block(before: Rollback | null, guards: readonly Guard[], nowMs: number): Step | null {
  if (before?.state !== 'approved') return null;
  const red = guards.filter(({ state }) => state === 'red').map(({ name, evidence }) => `${name} (${evidence})`);
  const why = `approved, but by now blocked: ${red.join(', ')}; nothing was changed`;
  return {
    after: { ...before, state: 'blocked', guards: [...guards] },
    audit: [line(nowMs, MEMTRIAGE, 'blocked', why)],
  };
}

/** The order goes to the site. */
export function begin(before: Rollback | null, guards: readonly Guard[], nowMs: number): Step | null {
  if (before?.state !== 'approved') return null;
  const startedAt = new Date(nowMs).toISOString();
  const message = `waits for the collector of site ${before.site}`;
  const act: Act = { startedAt, endedAt: null, outcome: null, message };
  const why = `${way(before)} is ordered from the collector of site ${before.site}`;
  return {
    after: { ...before, state: 'acting', guards: [...guards], act },
    audit: [line(nowMs, MEMTRIAGE, 'ordered', why)],
  };
}

/** What moved while it is carried out; null: nothing did. */
export function progress(before: Rollback | null, message: string): Step | null {
  if (before?.state !== 'acting' || before.act === null || before.act.message === message) return null;
  return { after: { ...before, act: { ...before.act, message } }, audit: [] };
}

/** The act ended: what was done is watched, what failed or can't be told goes to a person. */
export function endAct(
  before: Rollback | null,
  end: { state: 'done' | 'failed' | 'unknown'; message: string; isUntouched?: true | undefined },
  nowMs: number,
): Step | null {
  if (before?.state !== 'acting' || before.act === null) return null;
  const endedAt = new Date(nowMs).toISOString();
  const isUntouched = end.isUntouched === true ? { isUntouched: end.isUntouched } : {};
  const act: Act = { ...before.act, endedAt, outcome: end.state, message: end.message, ...isUntouched };
  const what = { done: 'acted', failed: 'failed', unknown: 'end unknown' }[end.state];
  return {
    after: { ...before, state: end.state === 'done' ? 'verifying' : 'failed', act },
    audit: [line(nowMs, `collector ${before.site}`, what, `${way(before)}: ${end.message}`)],
  };
}

/** What the watch after it found. */
export function conclude(before: Rollback | null, state: ProofVerdict, proof: Proof): Step | null {
  if (before?.state !== 'verifying') return null;
  const why = `${way(before)}: ${proof.message}`;
  return {
    after: { ...before, state, proof },
    audit: [line(Date.parse(proof.judgedAt), MEMTRIAGE, state, why)],
  };
}

function line(nowMs: number, who: string, what: string, why: string): AuditEntry {
  return { at: new Date(nowMs).toISOString(), who, what, why };
}

function way({ service, from, to }: Rollback): string {
  return `${service} ${from} -> ${to}`;
}
