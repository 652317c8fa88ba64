/** The evidence below a report, as replies in its thread: how it was measured, what grew inside, the process, own checks. */
import { notesOf } from '../analysis/broken-off.ts';
import { describeCost } from '../analysis/look-cost.ts';
import type { Snapshot } from '../analysis/snapshot.ts';
import { wereContainersCompared } from '../analysis/snapshot-diff.ts';
import { formatBytes, formatDuration } from '../units.ts';
import { comparedWith, notCompared } from './compared-with.ts';
import { processFigures } from './process-figures.ts';
import type { Report } from './report.ts';
import {
  code,
  context,
  escapeMrkdwn,
  fitMessage,
  link,
  localTime,
  type SlackBlock,
  type SlackMessage,
  section,
  utcTime,
} from './slack-blocks.ts';
import { percent } from './slack-figures.ts';

/** A phone shows about this many lines without scrolling. */
const TOP = 6;
const CHECKS_SHOWN = 20;
const OUTCOME_WORDS = { ok: '✅ done', inconclusive: '🟠 no answer', error: '❌ failed' } as const;

/** A titled part of a reply; the lines are escaped, and are text and block alike. */
type Part = { title: string; lines: readonly string[] };

/** The replies in reading order. There is always a first one; the others only when they have something to say. */
export function renderReportThread(report: Report): SlackMessage[] {
  const { snapshot } = report;
  const inside =
    snapshot === null ? [] : [patternPart(report), containersPart(snapshot), sitesPart(snapshot), typesPart(snapshot)];
  const process =
    snapshot === null ? [] : [layersPart(snapshot), gcPart(snapshot), processPart(snapshot), siblingPart(snapshot)];
  return [
    reply('How this was measured', [stepsPart(report), instancesPart(report), reasonsPart(report)], null),
    reply('What grew inside the process', inside, snapshot),
    reply('The process itself', process, snapshot),
    reply('Checks of the team', checksParts(report), null),
  ].flatMap((message) => message ?? []);
}

/** One look into a process as one reply; `head`: what it is about, and what it says in a line. Escaped. */
export function renderInside(head: Part, snapshot: Snapshot): SlackMessage | null {
  const parts = [head, containersPart(snapshot), sitesPart(snapshot), typesPart(snapshot), layersPart(snapshot)];
  return reply(head.title, parts, snapshot);
}

function reply(title: string, parts: readonly Part[], snapshot: Snapshot | null): SlackMessage | null {
  const full = parts.filter(({ lines }) => lines.length > 0);
  if (full.length === 0) return null;
  const text = full.flatMap((part) => [`${part.title}:`, ...part.lines]);
  const blocks: SlackBlock[] = full.map((part) => section([`*${part.title}*`, ...part.lines]));
  const source = snapshot === null ? [] : [snapshotSource(snapshot)];
  return fitMessage([`${title}.`, ...text, ...source].join('\n'), [
    ...blocks,
    ...source.map((line) => context([line])),
  ]);
}

function snapshotSource({ instance, windowSeconds, takenAt, longestPauseSeconds, cost }: Snapshot): string {
  const pause =
    longestPauseSeconds === null ? '' : `, the process was held up for at most ${formatDuration(longestPauseSeconds)}`;
  const looks = windowSeconds > 0 ? `two looks ${formatDuration(windowSeconds)} apart` : 'one look';
  return `${looks} into ${escapeMrkdwn(instance, 80)}, ${utcTime(takenAt)}${pause}${cost == null ? '' : `; ${describeCost(cost)}`}`;
}

function stepsPart({ steps }: Report): Part {
  const lines = steps.map(
    ({ step, outcome, seconds, note }) =>
      `${OUTCOME_WORDS[outcome]}: *${escapeMrkdwn(step, 60)}* (${formatDuration(seconds)})${note === '' ? '' : ` ${escapeMrkdwn(note, 600)}`}`,
  );
  return { title: 'Steps', lines };
}

function instancesPart({ rss: { instances } }: Report): Part {
  const lines = instances.slice(0, TOP).map(({ instance, bytes, release, startedAt }) => {
    const since = startedAt === null ? 'start not known' : `started ${localTime(startedAt)}`;
    return `${code(instance, 80)} ${formatBytes(bytes)}, release ${release === null ? 'not known' : escapeMrkdwn(release, 60)}, ${since}`;
  });
  return { title: 'Instances', lines: [...lines, ...more(instances.length)] };
}

function reasonsPart({ recommendation: { reasons, wouldChange } }: Report): Part {
  const because = reasons.map((reason) => `• ${escapeMrkdwn(reason, 600)}`);
  return {
    title: 'All reasons',
    lines: [...because, ...wouldChange.map((change) => `• would change it: ${escapeMrkdwn(change, 600)}`)],
  };
}

function patternPart({ pattern }: Report): Part {
  if (pattern === null) return { title: 'Pattern', lines: [] };
  const { name, confidence, evidence, counterEvidence, fix } = pattern;
  return {
    title: `Pattern: ${name} (confidence ${confidence})`,
    lines: [
      ...evidence.slice(0, TOP).map((line) => `• ${escapeMrkdwn(line)}`),
      ...counterEvidence.slice(0, TOP).map((line) => `• against it: ${escapeMrkdwn(line)}`),
      ...(fix === null ? [] : [`Fix: ${escapeMrkdwn(fix, 600)}`]),
    ],
  };
}

/** Those that grew; without a second look, the largest. */
function containersPart(snapshot: Snapshot): Part {
  const { containers } = snapshot;
  if (containers === null) return notSeen('Containers, by owner');
  const shown = containers.filter(({ lengthDiff }) => lengthDiff === null || lengthDiff > 0);
  const lines = shown
    .slice(0, TOP)
    .map(({ path, type, length, lengthDiff, explainsRatio, growthPerMinute, maxLength }) => {
      const rate = growthPerMinute === null ? '' : ` (${Math.round(growthPerMinute)}/min)`;
      const share = explainsRatio === null ? '' : `, explains ${percent(explainsRatio)} of the growth`;
      const bound = maxLength === null ? '' : `, bounded at ${maxLength}`;
      return `${code(path, 200)} ${escapeMrkdwn(type, 60)}: ${length} entries, ${difference(lengthDiff)}${rate}${share}${bound}`;
    });
  const title = wereContainersCompared(snapshot) ? 'Containers that grew, by owner' : 'Largest containers, by owner';
  return { title, lines: [...lines, ...more(shown.length)] };
}

function sitesPart({ sites }: Snapshot): Part {
  // Why no lines were traced stands in the notes, where somebody wanted them.
  if (sites === null) return { title: 'Lines of code that allocated', lines: [] };
  const lines = sites.slice(0, TOP).map(({ file, line, sizeDiffBytes, countDiff, traceback, container }) => {
    const caller = traceback.at(-1);
    const fills = container == null ? '' : ` fills ${code(container, 200)},`;
    return `${code(`${file}:${line}`, 200)}${fills} ${signed(formatBytes(sizeDiffBytes), sizeDiffBytes)} in ${difference(countDiff)} blocks${caller === undefined ? '' : `, from ${code(caller, 200)}`}`;
  });
  return { title: 'Lines of code that allocated', lines: [...lines, ...more(sites.length)] };
}

function typesPart({ types }: Snapshot): Part {
  if (types === null) return notSeen('Types');
  const lines = types
    .slice(0, TOP)
    .map(({ type, count, countDiff }) => `${code(type, 200)} ${count}, ${difference(countDiff)}`);
  return { title: 'Types', lines: [...lines, ...more(types.length)] };
}

/** As the reasons say why. */
function notSeen(title: string): Part {
  return { title, lines: ['not measured: see the notes'] };
}

function layersPart({ layers }: Snapshot): Part {
  const lines = layers.map(({ layer, bytes, deltaBytes }) => {
    const change = deltaBytes === null ? 'change not measured' : signed(formatBytes(deltaBytes), deltaBytes);
    return `${layer}: ${formatBytes(bytes)}, ${change}`;
  });
  return { title: 'Layers of memory', lines };
}

function gcPart({ gc }: Snapshot): Part {
  if (gc === null) return { title: 'Garbage collector', lines: [] };
  const pause =
    gc.longestPauseSeconds === null ? 'pauses not measured' : `longest pause ${formatDuration(gc.longestPauseSeconds)}`;
  const frozen = (gc.frozen ?? 0) > 0 ? `, ${gc.frozen} frozen (hidden from it)` : '';
  const rate = gc.allocationsPerSecond === null ? '' : `, ${Math.round(gc.allocationsPerSecond)} allocations/s`;
  return {
    title: 'Garbage collector',
    lines: [
      `${gc.enabled ? 'on' : '*switched off*'}, thresholds ${gc.thresholds.join(', ')}, collections in the window ${gc.collections.join(', ')}`,
      `${pause}, ${gc.uncollectable} objects uncollectable${frozen}${rate}`,
    ],
  };
}

function processPart(snapshot: Snapshot): Part {
  const { process } = snapshot;
  const figures = process === null ? [] : processFigures(process).map((figure) => escapeMrkdwn(figure, 300));
  const told = notesOf(snapshot).map((note) => `note: ${escapeMrkdwn(note)}`);
  return { title: 'Process', lines: [...(figures.length === 0 ? [] : [figures.join(', ')]), ...told] };
}

function siblingPart({ sibling, takenAt }: Snapshot): Part {
  if (sibling === null) return { title: 'Sibling', lines: [] };
  const containers = (sibling.containersDiff ?? []).map(
    ({ path, lengthDiff }) => [path, lengthDiff, ' entries'] as const,
  );
  const types = (sibling.typesDiff ?? []).map(({ type, countDiff }) => [type, countDiff, ''] as const);
  const lines = [...containers.slice(0, TOP), ...types.slice(0, TOP)];
  return {
    title: escapeMrkdwn(comparedWith(sibling, takenAt), 200),
    lines: [
      ...lines.map(([name, diff, unit]) => `${code(name, 200)} ${difference(diff)}${unit}`),
      ...notCompared(sibling),
    ],
  };
}

function checksParts({ checks }: Report): Part[] {
  return checks.slice(0, CHECKS_SHOWN).map(({ title, text, links }) => ({
    title: escapeMrkdwn(title, 120) || 'Check',
    lines: [escapeMrkdwn(text, 1000), ...links.slice(0, TOP).map((url) => link(url, url))].filter(
      (line) => line !== '',
    ),
  }));
}

function difference(count: number | null): string {
  return count === null ? 'change not measured' : signed(String(count), count);
}

function signed(text: string, value: number): string {
  return value > 0 ? `+${text}` : text;
}

function more(total: number): string[] {
  return total > TOP ? [`… and ${total - TOP} more`] : [];
}
