/** What became of rollbacks, counted as their records change; every series is there from the start, at 0. */
import { Counter, Histogram, type Registry } from 'prom-client';
import { type Rollback, RollbackState } from '../../incident/rollback.ts';

/** `before`: null, or the record that `after` has taken the place of. A change that is told twice counts twice. */
export type NoteRollback = (before: Rollback | null, after: Rollback) => void;

/** A rollback takes minutes, a decision up to hours, and a weekend may lie between. */
const MITIGATION_SECONDS = [60, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 259_200];
const ACT_OUTCOMES = ['done', 'failed', 'unknown'] as const;
const PROVEN = ['recovered', 'not-recovered', 'unproven'] as const;

export function rollbackMetrics(registers: Registry[]): NoteRollback {
  const states = new Counter({
    name: 'memtriage_rollbacks_total',
    help: 'Rollbacks that came into a state, from proposed to their end.',
    labelNames: ['state'],
    registers,
  });
  const acts = new Counter({
    name: 'memtriage_rollback_acts_total',
    help: 'Rollbacks that were carried out or tried, by what came of it.',
    labelNames: ['outcome'],
    registers,
  });
  const mitigation = new Histogram({
    name: 'memtriage_time_to_mitigation_seconds',
    help: 'From the opening of an incident to the end of its rollback, by what memory showed afterwards.',
    labelNames: ['state'],
    buckets: MITIGATION_SECONDS,
    registers,
  });
  for (const state of RollbackState.options) states.inc({ state }, 0);
  for (const outcome of ACT_OUTCOMES) acts.inc({ outcome }, 0);
  for (const state of PROVEN) mitigation.zero({ state });
  return (before, after) => {
    const { state, act, proof } = after;
    const outcome = act?.outcome ?? null;
    if (outcome !== null && before?.act?.outcome !== outcome) acts.inc({ outcome });
    if (before?.state === state) return;
    states.inc({ state });
    const isProven = PROVEN.some((one) => one === state);
    if (isProven && proof !== null) mitigation.observe({ state }, proof.secondsToMitigation);
  };
}
