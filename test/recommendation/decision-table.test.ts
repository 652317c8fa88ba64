import { describe, expect, it } from 'vitest';
import { decide } from '../../src/recommendation/decision-table.ts';
import type { Situation } from '../../src/recommendation/situation.ts';

// state | level | began | release before is healthy | pattern | urgent -> action
const TRUTH = `
leak         | critical | with-this-release    | yes | accumulated-results | no  -> rollback
leak         | ok       | with-this-release    | yes | -                   | yes -> rollback
suspect      | warning  | with-this-release    | yes | native              | no  -> rollback
leak         | critical | with-this-release    | no  | accumulated-results | no  -> investigate
leak         | critical | with-this-release    | no  | accumulated-results | yes -> restart
leak         | critical | before-this-release  | yes | unbounded-cache     | no  -> investigate
leak         | critical | before-this-release  | yes | unbounded-cache     | yes -> restart
leak         | critical | too-early-to-tell    | yes | unbounded-cache     | no  -> investigate
leak         | critical | unknown              | yes | unbounded-cache     | no  -> investigate
leak         | -        | unknown              | no  | -                   | yes -> restart
leak         | warning  | before-this-release  | yes | load-driven         | yes -> raise-limit
suspect      | warning  | unknown              | yes | warm-up             | yes -> raise-limit
healthy      | critical | with-this-release    | yes | -                   | no  -> rollback
filling      | warning  | with-this-release    | yes | none                | no  -> rollback
healthy      | critical | with-this-release    | no  | -                   | no  -> investigate
healthy      | warning  | before-this-release  | yes | fragmentation       | no  -> restart
healthy      | warning  | unknown              | no  | none                | no  -> investigate
healthy      | ok       | unknown              | no  | none                | yes -> raise-limit
filling      | ok       | with-this-release    | yes | none                | no  -> none
healthy      | ok       | with-this-release    | yes | none                | no  -> none
healthy      | -        | unknown              | no  | -                   | no  -> none
inconclusive | -        | unknown              | no  | -                   | no  -> investigate
inconclusive | critical | with-this-release    | yes | unbounded-cache     | yes -> investigate
`;

describe('the decision table', () => {
  it.each(rows(TRUTH))('%s', (_row, situation, action) => {
    expect(decide(situation).action).toBe(action);
  });

  it('has an answer for every situation', () => {
    for (const situation of everySituation()) expect(decide(situation).because).not.toBe('');
  });

  it('never advises a rollback to a release that is not known to be healthy, or of a release that did not begin it', () => {
    for (const situation of everySituation()) {
      if (decide(situation).action !== 'rollback') continue;
      expect(situation).toMatchObject({ previousIsHealthy: true, began: 'with-this-release' });
    }
  });
});

const STATES = ['healthy', 'filling', 'suspect', 'leak', 'inconclusive'] as const;
const LEVELS = ['ok', 'warning', 'critical', null] as const;
const BEGAN = ['with-this-release', 'before-this-release', 'too-early-to-tell', 'unknown'] as const;
const PATTERNS = [
  'unbounded-cache',
  'accumulated-results',
  'native',
  'fragmentation',
  'warm-up',
  'load-driven',
  'none',
  null,
] as const;

function* everySituation(): Generator<Situation> {
  for (const state of STATES)
    for (const slo of LEVELS)
      for (const began of BEGAN)
        for (const pattern of PATTERNS)
          for (const previousIsHealthy of [true, false])
            for (const urgent of [true, false]) yield { state, slo, began, previousIsHealthy, pattern, urgent };
}

function rows(table: string): [string, Situation, string][] {
  return table
    .trim()
    .split('\n')
    .map((row) => {
      const [conditions = '', action = ''] = row.split('->').map((part) => part.trim());
      const [state, level, began, previous, pattern, urgent] = conditions.split('|').map((cell) => cell.trim());
      const situation: Situation = {
        state: pick(STATES, state),
        slo: level === '-' ? null : pick(['ok', 'warning', 'critical'] as const, level),
        began: pick(BEGAN, began),
        previousIsHealthy: previous === 'yes',
        pattern:
          pattern === '-'
            ? null
            : pick(
                PATTERNS.filter((name) => name !== null),
                pattern,
              ),
        urgent: urgent === 'yes',
      };
      return [row.replace(/\s+/g, ' '), situation, action];
    });
}

function pick<T extends string>(allowed: readonly T[], text: string | undefined): T {
  const found = allowed.find((each) => each === text);
  if (found === undefined) throw new Error(`${text} is none of ${allowed.join(', ')}`);
  return found;
}
