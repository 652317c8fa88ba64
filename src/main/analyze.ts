import { open } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { analyzeSeries } from '../analysis/analyze-series.ts';
import { parseCase } from '../analysis/parse-case.ts';
import { DEFAULT_POLICY } from '../analysis/policy.ts';
import type { SeriesAnalysis, SeriesCase, Verdict } from '../analysis/series.ts';
import { settingsFrom } from '../analysis/settings.ts';
import { EXIT_DATA, EXIT_UNAVAILABLE, EXIT_USAGE, messageOf } from '../errors.ts';
import { renderCaseLine } from './case-line.ts';
import { type FoundText, splitCases } from './case-stream.ts';

export type AnalyzeStreams = {
  stdin: NodeJS.ReadableStream;
  stdout: (text: string) => void;
  stderr: (text: string) => void;
};

const USAGE = 'Usage: memtriage analyze FILE|- [--json]\n';

/** Worst first; the exit codes are those of monitoring plugins. */
const EXIT_OF: Readonly<Record<Verdict, number>> = { healthy: 0, warning: 1, critical: 2, inconclusive: 3 };
const SEVERITY: readonly Verdict[] = ['healthy', 'inconclusive', 'warning', 'critical'];

/**
 * Recorded cases are looked at afterwards and at no set time: OOM kills count over the long window of the growth
 * budget (6 h), not over the hour that pages.
 */
const RECORDED_POLICY = { ...DEFAULT_POLICY, critical: { ...DEFAULT_POLICY.critical, withinSeconds: 6 * 3600 } };

/**
 * `memtriage analyze FILE|- [--json]`: any number of recorded cases (one object, an array, or one a line) in, one
 * answer each out, in order. An unreadable case is told on stderr with its place; the others are still answered.
 * Resolves to the exit code: that of the worst verdict, 65 with an unreadable case, 64 wrong usage, 69 no file.
 */
export async function runAnalyze(args: readonly string[], io: AnalyzeStreams): Promise<number> {
  const asked = readArguments(args);
  if (asked === null) {
    io.stderr(USAGE);
    return EXIT_USAGE;
  }
  const settings = settingsFrom(RECORDED_POLICY);
  const answers = { count: 0, unreadable: 0, worst: null as Verdict | null };
  try {
    for await (const found of splitCases(await openInput(asked.file, io))) {
      const read = readCase(found);
      if ('problem' in read) {
        answers.unreadable += 1;
        io.stderr(`${asked.file}: ${found.place}: ${read.problem}\n`);
        continue;
      }
      const analysis = analyzeSeries(read.seriesCase, settings);
      io.stdout(
        asked.json ? jsonPart(read.seriesCase, analysis, answers.count) : renderCaseLine(read.seriesCase, analysis),
      );
      answers.count += 1;
      answers.worst = worse(answers.worst, analysis.verdict);
    }
  } catch (thrown) {
    io.stderr(`memtriage analyze: ${asked.file} can't be read: ${messageOf(thrown)}\n`);
    return EXIT_UNAVAILABLE;
  }
  if (asked.json) io.stdout(answers.count === 0 ? '[]\n' : '\n]\n');
  if (answers.unreadable > 0) return EXIT_DATA;
  if (answers.worst === null) {
    io.stderr(`${asked.file}: no case in it\n`);
    return EXIT_DATA;
  }
  return EXIT_OF[answers.worst];
}

/** The command on this process's own streams. */
export function analyzeCommand(args: readonly string[]): Promise<number> {
  return runAnalyze(args, {
    stdin: process.stdin,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
  });
}

function readArguments(args: readonly string[]): { file: string; json: boolean } | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean', default: false } },
      allowPositionals: true,
    });
    const [file, ...more] = positionals;
    return file === undefined || more.length > 0 ? null : { file, json: values.json };
  } catch {
    return null;
  }
}

async function openInput(file: string, { stdin }: AnalyzeStreams): Promise<AsyncIterable<string | Buffer>> {
  if (file === '-') return stdin;
  const handle = await open(file);
  return handle.createReadStream();
}

function readCase(found: FoundText): { seriesCase: SeriesCase } | { problem: string } {
  if (found.problem !== null) return { problem: found.problem };
  try {
    const parsed = parseCase(JSON.parse(found.text));
    return parsed.outcome === 'ok' ? { seriesCase: parsed.value } : { problem: `${parsed.why}. ${parsed.tryThis}` };
  } catch (thrown) {
    return { problem: `not JSON: ${messageOf(thrown)}` };
  }
}

function worse(a: Verdict | null, b: Verdict): Verdict {
  return a === null || SEVERITY.indexOf(b) > SEVERITY.indexOf(a) ? b : a;
}

/** The contract's fields, and the state, pods and what would change the verdict. */
function jsonPart({ name }: SeriesCase, analysis: SeriesAnalysis, index: number): string {
  return `${index === 0 ? '[\n' : ',\n'}${JSON.stringify({ name, ...analysis })}`;
}
