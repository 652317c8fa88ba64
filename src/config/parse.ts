/** memtriage.yaml as text -> the typed Config, or every problem at once with its place. */
import { type Document, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import type { Config } from './config.ts';
import { nearMatches } from './near-match.ts';
import { type ConfigProblem, problemAt, sortProblems } from './problems.ts';
import { findMismatches } from './references.ts';
import { resolveConfig } from './resolve.ts';
import { ConfigFile, knownKeysOf } from './schema.ts';
import { SLACK_TOKEN } from './secret.ts';

type Source = { text: string; document: Document; lines: LineCounter };

/**
 * `file`: its absolute path; relative paths inside it start from its directory.
 * Problems come sorted by line; there is at least one when there is no config.
 */
export function parseConfig(text: string, file: string): { config: Config } | { problems: ConfigProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const source = { text, document, lines };
  const problems = [...secretProblems(source), ...yamlProblems(source)];
  // Where the YAML itself is broken, its structure says nothing; a key that stands twice leaves it readable.
  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return { problems: sortProblems(problems) };

  const keys = [...keyProblems(source), ...aliasProblems(source)];
  if (keys.length > 0) return { problems: sortProblems([...problems, ...keys]) };
  const value = toValue(document);
  if ('problem' in value) return { problems: sortProblems([...problems, value.problem]) };
  const parsed = ConfigFile.safeParse(value.value);
  if (!parsed.success) problems.push(...parsed.error.issues.flatMap((issue) => shapeProblems(source, issue)));
  for (const mismatch of findMismatches(value.value)) problems.push(problemAt(source, mismatch));
  if (parsed.success && problems.length === 0) return { config: resolveConfig(parsed.data, file) };
  return { problems: sortProblems(problems) };
}

/** Aliases that unfold into more than any real file has only show when the value is built. */
function toValue(document: Document): { value: unknown } | { problem: ConfigProblem } {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return { problem: { line: 1, column: 1, path: '', found, expected: 'fewer aliases' } };
  }
}

function aliasProblems({ document, lines }: Source): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return;
      const { line, col } = lines.linePos(alias.range?.[0] ?? 0);
      const expected = 'an alias of an anchor that stands before it';
      problems.push({ line, column: col, path: '', found: `*${alias.source}`, expected });
    },
  });
  return problems;
}

/** Keys that no JavaScript object can hold as they are: they would be lost or renamed on the way. */
function keyProblems({ document, lines }: Source): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value !== null && key.value !== '__proto__') return;
      const { line, col } = lines.linePos(isNode(key) ? (key.range?.[0] ?? 0) : 0);
      const found = isScalar(key) ? JSON.stringify(key.value) : 'a list or mapping as a key';
      problems.push({ line, column: col, path: '', found, expected: 'a plain name as a key' });
    },
  });
  return problems;
}

function shapeProblems(source: Source, issue: z.core.$ZodIssue): ConfigProblem[] {
  if (issue.code !== 'unrecognized_keys')
    return [problemAt(source, { path: issue.path, found: null, expected: issue.message })];
  const known = knownKeysOf(issue.message);
  return issue.keys.map((key) => {
    const [near] = nearMatches(key, known);
    const expected = near === undefined ? issue.message : `${near} (${issue.message})`;
    return problemAt(source, { path: [...issue.path, key], found: `the unknown key "${key}"`, expected });
  });
}

function yamlProblems({ text, document, lines }: Source): ConfigProblem[] {
  return document.errors.map(({ code, message, pos }) => {
    const { line, col } = lines.linePos(pos[0]);
    const isTwice = code === 'DUPLICATE_KEY';
    const written = text.slice(pos[0], Math.max(pos[1], pos[0] + 1)).split('\n')[0] ?? '';
    const found = isTwice ? `a second "${keyAt(text, pos[0])}"` : JSON.stringify(written.slice(0, 40));
    const expected = isTwice ? 'each key once' : `valid YAML (${message})`;
    return { line: Math.max(1, line), column: Math.max(1, col), path: '', found, expected };
  });
}

function keyAt(text: string, offset: number): string {
  return /^["']?([^"':\n]*)/.exec(text.slice(offset))?.[1]?.trim() ?? '';
}

/** Anywhere in the text, comments included: a file is copied, committed and shown. */
function secretProblems({ text, lines }: Source): ConfigProblem[] {
  return [...text.matchAll(SLACK_TOKEN)].map(({ 0: token, index }) => {
    const { line, col } = lines.linePos(index);
    const found = `a Slack token (${token.slice(0, token.indexOf('-') + 1)}…)`;
    return { line, column: col, path: '', found, expected: 'no secrets here: they live in the environment' };
  });
}
