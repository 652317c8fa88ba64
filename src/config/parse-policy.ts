/** A file with nothing but a `policy:` block -> the policy of a service with that laid over it, or every problem. */
import { LineCounter, parseDocument } from 'yaml';
import type { Policy } from '../analysis/policy.ts';
import { nearMatches } from './near-match.ts';
import { type ConfigProblem, problemAt, sortProblems } from './problems.ts';
import { mergePolicy } from './resolve.ts';
import { knownKeysOf, PolicyFile } from './schema.ts';

/** As strict as memtriage.yaml itself. What the file does not name stays as in `base`. */
export function parsePolicy(text: string, base: Policy): { policy: Policy } | { problems: ConfigProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const source = { document, lines };
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message, pos }) => {
      const { line, col } = lines.linePos(pos[0]);
      return { line, column: col, path: '', found: message, expected: 'valid YAML' };
    });
    return { problems: sortProblems(problems) };
  }
  const parsed = PolicyFile.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (parsed.success) return { policy: mergePolicy(base, parsed.data.policy) };
  const problems = parsed.error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      return [problemAt(source, { path: issue.path, found: null, expected: issue.message })];
    }
    return issue.keys.map((key) => {
      const [near] = nearMatches(key, knownKeysOf(issue.message));
      const expected = near === undefined ? issue.message : `${near} (${issue.message})`;
      return problemAt(source, { path: [...issue.path, key], found: `the unknown key "${key}"`, expected });
    });
  });
  return { problems: sortProblems(problems) };
}
