import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Left to right: a folder may import those to its left, and itself. Written out in ARCHITECTURE.md. */
const ORDER = [
  ['errors.ts', 'units.ts'],
  ['analysis'],
  ['incident'],
  ['alert'],
  ['report'],
  ['runbook'],
  ['recommendation'],
  ['config'],
  ['oncall'],
  ['triage', 'watch'],
  ['mitigation'],
  ['adapters'],
  ['collector'],
  ['desks'],
  ['main'],
  ['demo'],
];

/** Left of \`triage\`: numbers and words only. */
const PURE = new Set([
  'errors.ts',
  'units.ts',
  'analysis',
  'incident',
  'alert',
  'report',
  'runbook',
  'recommendation',
  'oncall',
]);
/** Calendars are data: no clock, no I/O. */
const ALLOWED_IN_PURE = new Set(['zod', 'luxon', 'date-holidays', 'ical.js']);

const SRC = resolve('src');
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

describe('imports', () => {
  it('go left only', () => {
    const wrong = imports().filter(({ from, to }) => rank(to) > rank(from) && !isAllowed(from, to));
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('never cross from one adapter to another', () => {
    const adapter = (file: string): string | null => /^adapters\/([^/]+)\//.exec(file)?.[1] ?? null;
    const wrong = imports().filter(
      ({ from, to }) => adapter(from) !== null && adapter(to) !== null && adapter(from) !== adapter(to),
    );
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('of the pure folders bring in no I/O, clock, logger or process', () => {
    const wrong = files
      .filter((file) => PURE.has(folder(file)))
      .flatMap((file) => {
        const text = readFileSync(join(SRC, file), 'utf8');
        const packages = [...text.matchAll(/from '([^.'][^']*)'/g)].map(([, name]) => name ?? '');
        const foreign = packages.filter((name) => !ALLOWED_IN_PURE.has(name));
        const impure =
          /\b(Date\.now|new Date\(\)|Math\.random|process\.(?:env|on|pid|exit|std|hrtime)|setTimeout|async |await )/.exec(
            text,
          )?.[0];
        return [...foreign, ...(impure === undefined ? [] : [impure])].map((what) => `${file}: ${what}`);
      });
    expect(wrong).toEqual([]);
  });

  it('of the environment stand in one file', () => {
    const readers = files.filter((file) => readFileSync(join(SRC, file), 'utf8').includes('process.env'));
    expect(readers).toEqual(['main/environment.ts']);
  });
});

/** The command line starts the demonstration; nothing else of main knows it. */
function isAllowed(from: string, to: string): boolean {
  return from === 'main/cli.ts' && to === 'demo/demo.ts';
}

function imports(): { from: string; to: string }[] {
  return files.flatMap((from) => {
    const text = readFileSync(join(SRC, from), 'utf8');
    return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) => ({
      from,
      to: relative(SRC, resolve(SRC, dirname(from), path ?? '')),
    }));
  });
}

function folder(file: string): string {
  return file.split('/')[0] ?? file;
}

function rank(file: string): number {
  const found = ORDER.findIndex((names) => names.includes(folder(file)));
  if (found < 0) throw new Error(`src/${file} is in a folder that has no place in the order`);
  return found;
}

function describeImport({ from, to }: { from: string; to: string }): string {
  return `${from} imports ${to}`;
}
