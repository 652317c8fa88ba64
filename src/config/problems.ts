/** Problems of the configuration file with their places, as editors and people read them. */
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type LineCounter, type Node } from 'yaml';
import { redactTokens } from './secret.ts';

export type ConfigProblem = {
  /** From 1. */
  line: number;
  column: number;
  /** `services.checkout.limit`; empty: the file as a whole. */
  path: string;
  found: string;
  expected: string;
};

/** `memtriage.yaml:12:5 services.checkout.limit: found "2GB", expected a size such as 512MiB or 2GiB`, one a line. */
export function renderProblems(file: string, problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ line, column, path, found, expected }) => {
      const place = `${file}:${line}:${column}${path === '' ? '' : ` ${path}`}`;
      return `${place}: found ${redactTokens(found)}, expected ${expected}`;
    })
    .join('\n');
}

/** By line and column, each once. */
export function sortProblems(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const unique = new Map(
    problems.map((problem) => [`${problem.line}:${problem.column} ${problem.path} ${problem.expected}`, problem]),
  );
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

type Path = readonly PropertyKey[];
type Place = { offset: number; node: Node | null };

/** The problem at `path`: at its key, or at that of the nearest parent which the file has. `found` null: what stands there. */
export function problemAt(
  { document, lines }: { document: Document; lines: LineCounter },
  { path, found, expected }: { path: Path; found: string | null; expected: string },
): ConfigProblem {
  const { offset, node } = placeOf(document, path);
  const { line, col } = lines.linePos(offset);
  return {
    line: Math.max(1, line),
    column: Math.max(1, col),
    path: pathText(path),
    found: found ?? describe(node),
    expected,
  };
}

function placeOf(document: Document, path: Path): Place {
  let node = isNode(document.contents) ? document.contents : null;
  let offset = node?.range?.[0] ?? 0;
  for (const segment of path) {
    const step = child(isAlias(node) ? (node.resolve(document) ?? null) : node, segment);
    if (step === null) return { offset, node: null };
    ({ offset, node } = step);
  }
  return { offset, node };
}

function child(node: Node | null, segment: PropertyKey): Place | null {
  if (isSeq(node)) {
    const item = node.items[Number(segment)];
    return isNode(item) ? { offset: item.range?.[0] ?? 0, node: item } : null;
  }
  if (!isMap(node)) return null;
  // The last one, as the values are read: of a key that stands twice the later value counts.
  const pair = node.items.findLast(({ key }) => isScalar(key) && String(key.value) === String(segment));
  if (pair === undefined || !isScalar(pair.key)) return null;
  return { offset: pair.key.range?.[0] ?? 0, node: isNode(pair.value) ? pair.value : null };
}

/** `services.checkout.limit`, `teams.payments.approvers[1]`. */
function pathText(path: Path): string {
  return path
    .map((segment) => (typeof segment === 'number' ? `[${segment}]` : `.${String(segment)}`))
    .join('')
    .replace(/^\./, '');
}

const LONGEST_FOUND = 60;

function describe(node: Node | null): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (isAlias(node)) return `*${node.source}`;
  if (!isScalar(node) || node.value === null || node.value === undefined) return 'nothing';
  const text =
    typeof node.value === 'string' ? JSON.stringify(node.value) : (node.source ?? JSON.stringify(node.value));
  return text.length > LONGEST_FOUND ? `${text.slice(0, LONGEST_FOUND)}…` : text;
}
