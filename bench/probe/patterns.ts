import { lookTwice } from '../../src/adapters/transports/look-twice.ts';
import { classifyPattern } from '../../src/analysis/pattern.ts';
import type { LeakPatternName } from '../../src/analysis/snapshot.ts';
import { startTarget } from '../../test/probe/target.ts';
import { inParallel, type Phase } from './goal.ts';

/** Programs with known truth (test/probe/programs/patterns.py) on every CPython: the pattern, and who holds it. */
const LEAKS: Record<string, [LeakPatternName, string | null]> = {
  dict_cache: ['unbounded-cache', 'app.SESSIONS'],
  cache_in_instance: ['unbounded-cache', 'app.manager.by_user'],
  memoized: ['unbounded-cache', 'app.rate'],
  seen_ids: ['unbounded-cache', 'app.SEEN'],
  results_list: ['accumulated-results', 'app.RESULTS'],
  backlog: ['accumulated-results', 'app.JOBS.queue'],
  closure_history: ['accumulated-results', 'app.record.<closure history>'],
  class_attribute: ['accumulated-results', 'app.Audit.entries'],
  callbacks: ['callback-cycle', 'app.BUS.handlers[*]'],
  bound_methods: ['callback-cycle', 'app.listeners'],
  native: ['native', null],
  cycles_without_gc: ['reference-cycle', null],
};
const HEALTHY = ['bounded_lru', 'bounded_memo', 'recent', 'high_water'];
const HARMLESS: readonly LeakPatternName[] = ['none', 'inconclusive', 'fragmentation'];
const AT_A_TIME = 2;

export const patterns: Phase = async (pythons) => {
  const programs = [...Object.keys(LEAKS), ...HEALTHY];
  const cases = pythons.flatMap(({ version, path }) => programs.map((program) => ({ version, path, program })));
  const right = await inParallel(cases, AT_A_TIME, async ({ version, path, program }) => {
    const { name, confidence, owner } = await patternOf(path, program);
    const expected = LEAKS[program];
    const isRight =
      expected === undefined
        ? HARMLESS.includes(name) && confidence !== 'high'
        : name === expected[0] && (expected[1] === null || owner === expected[1]);
    if (!isRight) console.log(`${version} ${program}: WRONG, ${name} (${confidence}) in ${owner}`);
    return isRight;
  });
  const count = right.filter(Boolean).length;
  const goal = `pattern and owner, ${programs.length} programs (${HEALTHY.length} healthy) on each CPython`;
  return [{ goal, isMet: count === cases.length, told: `${count} of ${cases.length}` }];
};

async function patternOf(python: string, program: string) {
  const target = await startTarget(python, 'patterns.py', { args: [program] });
  try {
    const { target: subject, context } = await target.lookTarget();
    const outcome = await lookTwice(subject, { ...context, windowSeconds: 0.8, traceWindow: null });
    if (outcome.outcome !== 'ok') throw new Error(outcome.why);
    const { name, confidence } = classifyPattern(outcome.value, { growthBytesPerHour: null, state: 'leak' });
    return { name, confidence, owner: outcome.value.containers?.[0]?.path };
  } finally {
    await target.end();
  }
}
