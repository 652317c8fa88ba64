/** A runbook as text -> the typed Runbook, or every problem at once with its place. */
import { LineCounter, parseDocument } from 'yaml';
import { Runbook } from '../runbook/runbook.ts';
import { type ConfigProblem, problemAt, sortProblems } from './problems.ts';

export function parseRunbook(text: string): { runbook: Runbook } | { problems: ConfigProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message, pos }) => {
      const { line, col } = lines.linePos(pos[0]);
      return { line, column: col, path: '', found: message, expected: 'valid YAML' };
    });
    return { problems: sortProblems(problems) };
  }
  const parsed = Runbook.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (parsed.success) return { runbook: parsed.data };
  const problems = parsed.error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      return [problemAt({ document, lines }, { path: issue.path, found: null, expected: issue.message })];
    }
    return issue.keys.map((key) =>
      problemAt(
        { document, lines },
        {
          path: [...issue.path, key],
          found: `the unknown key "${key}"`,
          expected: 'only keys that docs/configuration.md lists for this step',
        },
      ),
    );
  });
  return { problems: sortProblems(problems) };
}
