/** The report for a terminal: the same words as the thread, with everything that a thread folds away. Plain text. */
import { notesOf } from '../analysis/broken-off.ts';
import { describeCost } from '../analysis/look-cost.ts';
import type { Snapshot } from '../analysis/snapshot.ts';
import { formatBytes, formatDuration } from '../units.ts';
import { comparedWith, notCompared } from './compared-with.ts';
import type { Report } from './report.ts';
import { headline } from './slack-advice.ts';
import {
  baselinePhrase,
  culpritPhrase,
  dataPhrase,
  growthPhrase,
  limitPhrase,
  oomPhrase,
  rssPhrase,
} from './slack-figures.ts';

const SHOWN = 5;

/** The whole report as lines of text. Control characters of names are replaced: a terminal must not obey them. */
export function renderReportText(report: Report): string {
  const { recommendation, pattern, snapshot } = report;
  const { sign, words } = headline(report);
  const culprit = culpritPhrase(report);
  const oom = oomPhrase(report);
  const lines = [
    `${sign} ${report.service}: ${words}  (${report.incident}, confidence ${recommendation.confidence})`,
    `   ${[rssPhrase(report), baselinePhrase(report), growthPhrase(report)].join(' · ')}`,
    `   ${[limitPhrase(report), ...(oom === null ? [] : [oom]), dataPhrase(report)].join(' · ')}`,
    '',
    ...list('Why', recommendation.reasons),
    ...(culprit === null ? [] : list('Inside the process', [culprit, ...siteLines(snapshot)])),
    ...(pattern === null ? [] : patternLines(pattern)),
    ...(snapshot === null ? [] : layerLines(snapshot)),
    ...(snapshot === null ? [] : siblingLines(snapshot)),
    ...list(
      'What can be done now',
      (report.moves ?? []).map(({ name, gain, state, guard }) => `${state}: ${name}: ${gain} (${guard})`),
    ),
    ...list('What would change this', recommendation.wouldChange),
    ...list(
      'Checks',
      report.checks.map(({ title, text, links }) => [title, text, ...links].join(': ')),
    ),
    ...list(
      'Steps',
      report.steps.map(
        ({ step, outcome, seconds, note }) => `${step} ${outcome} (${formatDuration(seconds)}): ${note}`,
      ),
    ),
    ...list('The look itself', snapshot?.cost == null ? [] : [describeCost(snapshot.cost)]),
    ...list('Notes', snapshot === null ? [] : notesOf(snapshot)),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  - ${line}`)];
}

function patternLines({ name, confidence, evidence, counterEvidence, fix }: NonNullable<Report['pattern']>): string[] {
  return [
    ...list(`Pattern: ${name} (confidence ${confidence})`, evidence),
    ...list('Speaks against it', counterEvidence),
    ...(fix === null ? [] : [`Fix: ${fix}`]),
  ];
}

function siteLines(snapshot: Snapshot | null): string[] {
  return (snapshot?.sites ?? [])
    .slice(0, SHOWN)
    .map(
      ({ file, line, sizeDiffBytes, countDiff, container }) =>
        `allocated at ${file}:${line}: ${formatBytes(sizeDiffBytes)} in ${countDiff} blocks${container == null ? '' : `, fills ${container}`}`,
    );
}

function layerLines({ layers, windowSeconds }: Snapshot): string[] {
  const rows = layers.map(({ layer, bytes, deltaBytes }) => {
    const change = deltaBytes === null ? '' : ` (${deltaBytes >= 0 ? '+' : ''}${formatBytes(deltaBytes)})`;
    return `${layer} ${formatBytes(bytes)}${change}`;
  });
  const change = windowSeconds > 0 ? `, with the change in ${formatDuration(windowSeconds)}` : '';
  return list(`Layers of the RSS${change}`, rows);
}

/** What this process holds more of than another one of the service. */
function siblingLines({ sibling, takenAt }: Snapshot): string[] {
  if (sibling === null) return [];
  const { containersDiff, typesDiff } = sibling;
  const containers = (containersDiff ?? [])
    .slice(0, SHOWN)
    .map(({ path, length, lengthDiff }) => `${path}: ${length} entries, ${signed(lengthDiff)}`);
  const types = (typesDiff ?? [])
    .slice(0, SHOWN)
    .map(({ type, count, countDiff }) => `${type}: ${count}, ${signed(countDiff)}`);
  const rows = [...containers, ...types, ...notCompared(sibling)];
  const compared = [containersDiff === null ? [] : ['container'], typesDiff === null ? [] : ['type']].flat();
  const same = containers.length + types.length > 0 ? [] : [`no ${compared.join(' or ')} differs by much`];
  return list(comparedWith(sibling, takenAt), [...same, ...rows]);
}

function signed(difference: number | null): string {
  return difference === null ? 'change not measured' : `${difference > 0 ? '+' : ''}${difference}`;
}

/** Keeps line breaks out of lines and escape sequences out of the terminal. */
export function printable(line: string): string {
  return line.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}
