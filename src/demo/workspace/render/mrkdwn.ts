import type { Directory } from '../directory.ts';
import { formatDateToken } from './date-token.ts';
import type { Style } from './style.ts';

/** What is needed to show text to a person. */
export type Viewer = {
  directory: Directory;
  style: Style;
  /** Cells of a line. */
  width: number;
  /** IANA name, as the person's client has it. */
  timeZone: string;
};

/** Emoji that the product's messages may name; every other name stays as `:name:`. */
const EMOJI: Readonly<Record<string, string>> = {
  eyes: '👀',
  white_check_mark: '✅',
  warning: '⚠️',
  red_circle: '🔴',
  large_green_circle: '🟢',
  large_orange_circle: '🟠',
  hourglass_flowing_sand: '⏳',
  no_entry: '⛔',
  rotating_light: '🚨',
  x: '❌',
  '+1': '👍',
};

/** Slack's mrkdwn as the lines a person reads: names, dates and links resolved, marks turned into style. */
export function mrkdwnLines(text: string, viewer: Viewer): readonly string[] {
  const lines: string[] = [];
  text.split('```').forEach((part, index) => {
    if (part === '') return;
    const isCode = index % 2 === 1;
    const content = isCode
      ? part.replace(/^\n|\n$/g, '')
      : part.replace(/^\n/, index > 0 ? '' : '\n').replace(/\n$/, '');
    for (const line of content.split('\n')) {
      lines.push(isCode ? `  ${unescape(line)}` : line === '' ? '' : styledLine(line, viewer));
    }
  });
  return lines;
}

/** Plain text of a block: only the escapes and emoji are resolved. */
export function plainLines(text: string): readonly string[] {
  return named(unescape(text)).split('\n');
}

function styledLine(line: string, viewer: Viewer): string {
  const { style } = viewer;
  const quote = /^(?:&gt;|>)\s?/.exec(line)?.[0];
  const inner = quote === undefined ? line : line.slice(quote.length);
  const spans = inner.split(/(`[^`\n]+`)/).map((span) => {
    if (span.startsWith('`') && span.length > 1) return unescape(span);
    const marked = marks(span, style);
    return named(unescape(marked.replace(/<([^<>\n]+)>/g, (_, token: string) => resolve(token, viewer))));
  });
  return `${quote === undefined ? '' : '▎ '}${spans.join('')}`;
}

/** `*bold*`, `_italic_` and `~struck~` at the edges of words. */
function marks(text: string, style: Style): string {
  return text
    .replace(mark('*'), (_, before: string, inner: string) => before + style.bold(inner))
    .replace(mark('_'), (_, before: string, inner: string) => before + style.italic(inner))
    .replace(mark('~'), (_, before: string, inner: string) => before + style.strike(inner));
}

function mark(character: '*' | '_' | '~'): RegExp {
  const edge = `[^\\p{L}\\p{N}${character}<]`;
  const inner = `[^\\s${character}](?:[^${character}\\n]*[^\\s${character}])?`;
  return new RegExp(`(^|${edge})[${character}](${inner})[${character}](?![\\p{L}\\p{N}${character}])`, 'gu');
}

/** What stands in `<…>`: a person, channel, group, date, or link. */
function resolve(token: string, { directory, style, timeZone }: Viewer): string {
  const [target = '', label] = token.split('|', 2);
  if (target.startsWith('@'))
    return style.link(`@${directory.user(target.slice(1))?.name ?? label ?? target.slice(1)}`);
  if (target.startsWith('#'))
    return style.link(`#${directory.channel(target.slice(1))?.name ?? label ?? target.slice(1)}`);
  if (target.startsWith('!subteam^')) return style.link(groupName(target.slice('!subteam^'.length), label, directory));
  if (target.startsWith('!date^')) return formatDateToken(target.slice('!date^'.length), label ?? '', timeZone);
  if (target.startsWith('!')) return style.link(`@${target.slice(1)}`);
  return style.link(label ?? target);
}

export function groupName(id: string, label: string | undefined, directory: Directory): string {
  const group = directory.userGroups().find((known) => known.id === id);
  return `@${group?.handle ?? label?.replace(/^@/, '') ?? id}`;
}

export function named(text: string): string {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name: string) => EMOJI[name] ?? whole);
}

function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
