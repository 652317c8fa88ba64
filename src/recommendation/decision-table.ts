import type { RecommendedAction } from '../report/report.ts';
import type { Situation } from './situation.ts';

type Row = {
  /** Every condition that is given must hold; a list means "one of". */
  when: { [K in keyof Situation]?: readonly Situation[K][] };
  action: RecommendedAction;
  because: string;
  /** What would lead to another row. */
  wouldChange: readonly string[];
};

const GROWS = ['leak', 'suspect'] as const;
const ELEVATED = ['warning', 'critical'] as const;

/**
 * First row that fits decides. A rollback is advised only when the trouble began with the release that runs and the
 * one before has a healthy baseline: rolling back anything else costs a deploy and cures nothing.
 */
export const DECISION_TABLE: readonly Row[] = [
  {
    when: { state: GROWS, began: ['with-this-release'], previousIsHealthy: [true] },
    action: 'rollback',
    because: 'Growth began with the release that runs now, and the release before it has a healthy baseline',
    wouldChange: ['Growth that stops by itself in the next hour', 'The same growth seen on the previous release'],
  },
  {
    when: { state: ['healthy', 'filling'], slo: ELEVATED, began: ['with-this-release'], previousIsHealthy: [true] },
    action: 'rollback',
    because: 'The level stepped up with the release that runs now, and the release before it has a healthy baseline',
    wouldChange: ['A known reason for the higher level of this release (set it as the new baseline then)'],
  },
  {
    when: { state: GROWS, began: ['with-this-release'], urgent: [true] },
    action: 'restart',
    because:
      'Growth began with the release that runs now, but no healthy baseline of the release before it is known; a restart buys time',
    wouldChange: ['A recorded baseline of the previous release would make it a rollback'],
  },
  {
    when: { state: GROWS, began: ['with-this-release'] },
    action: 'investigate',
    because: 'Growth began with the release that runs now, but no healthy baseline of the release before it is known',
    wouldChange: ['A recorded baseline of the previous release would make it a rollback'],
  },
  {
    when: { state: GROWS, pattern: ['load-driven', 'warm-up'], urgent: [true] },
    action: 'raise-limit',
    because: 'Memory follows load or warm-up, not the release, and the limit is near',
    wouldChange: ['Growth that goes on while traffic falls'],
  },
  {
    when: { state: GROWS, urgent: [true] },
    action: 'restart',
    because:
      'Memory grows, a rollback would not help as far as can be told, and the limit is near; a restart buys time',
    wouldChange: ['Evidence that growth began with the release that runs now'],
  },
  {
    when: { state: GROWS },
    action: 'investigate',
    because:
      'Memory grows, but not because of the release that runs now as far as can be told, and the limit is not near',
    wouldChange: ['Evidence that growth began with the release that runs now', 'The limit coming near'],
  },
  {
    when: { state: ['inconclusive'], urgent: [true] },
    action: 'investigate',
    because: 'The data cannot carry a verdict, yet OOM kills or the limit ask for a look now',
    wouldChange: ['More samples of the instances that run now'],
  },
  {
    when: { state: ['inconclusive'] },
    action: 'investigate',
    because: 'The data cannot carry a verdict',
    wouldChange: ['More samples of the instances that run now'],
  },
  {
    when: { state: ['healthy', 'filling'], pattern: ['fragmentation'], slo: ELEVATED },
    action: 'restart',
    because: 'Objects were freed but the allocator keeps the memory: a restart gives it back, a rollback does not',
    wouldChange: ['Python objects that grow again'],
  },
  {
    when: { state: ['healthy', 'filling'], urgent: [true] },
    action: 'raise-limit',
    because: 'The service does not leak as far as can be told, but it runs too near to its limit',
    wouldChange: ['Steady growth in the samples to come'],
  },
  {
    when: { state: ['healthy', 'filling'], slo: ELEVATED },
    action: 'investigate',
    because: 'The level is above the baseline, but it neither grows nor began with the release that runs now',
    wouldChange: [
      'steady growth in the samples to come',
      'A known reason for the level (set it as the new baseline then)',
    ],
  },
  {
    when: { state: ['filling'] },
    action: 'none',
    because: 'Memory fills up towards a level that a healthy release also reached',
    wouldChange: ['Growth past that level'],
  },
  {
    when: { state: ['healthy'], slo: [null] },
    action: 'none',
    because: 'Memory does not grow as far as can be told; with no baseline its level is compared with nothing',
    wouldChange: [
      'Steady growth in the samples to come',
      'A recorded baseline, which the present level can be held to',
    ],
  },
  {
    when: { state: ['healthy'] },
    action: 'none',
    because: 'Memory is where a healthy release has it',
    wouldChange: ['Steady growth in the samples to come'],
  },
];

/** The row that decides. Total: the last rows have a member for every state. */
export function decide(situation: Situation): Row {
  const row = DECISION_TABLE.find(({ when }) => fits(when, situation));
  if (row === undefined) throw new Error(`the decision table has no row for ${JSON.stringify(situation)}`);
  return row;
}

function fits(when: Row['when'], situation: Situation): boolean {
  return (
    includes(when.state, situation.state) &&
    includes(when.slo, situation.slo) &&
    includes(when.began, situation.began) &&
    includes(when.previousIsHealthy, situation.previousIsHealthy) &&
    includes(when.pattern, situation.pattern) &&
    includes(when.urgent, situation.urgent)
  );
}

function includes<T>(allowed: readonly T[] | undefined, value: T): boolean {
  return allowed === undefined || allowed.includes(value);
}
