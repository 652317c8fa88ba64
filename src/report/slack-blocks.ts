/**
 * What Slack takes, and nothing that it refuses: block types, limits, escaping. Limits live here and only here.
 * Lengths are Unicode code points (nicklambourne/slackblocks spec/limits.json 1.0.1; @slack/types 3.2).
 */

/** `verbatim`: Slack must not turn names and URLs from outside into links or mentions. */
type Mrkdwn = { type: 'mrkdwn'; text: string; verbatim: true };

export type SlackBlock =
  | { type: 'section'; text: Mrkdwn; expand: true }
  | { type: 'context'; elements: Mrkdwn[] }
  | { type: 'actions'; elements: SlackButton[] }
  | { type: 'divider' };

type PlainText = { type: 'plain_text'; text: string; emoji: true };

export type SlackButton = {
  type: 'button';
  action_id: string;
  text: PlainText;
  value: string;
  style?: 'primary' | 'danger';
  /** Slack's own question before the press counts. */
  confirm?: { title: PlainText; text: PlainText; confirm: PlainText; deny: PlainText };
};

/** `text` is the whole message for screen readers and notifications, not a summary of it. */
export type SlackMessage = { text: string; blocks: readonly SlackBlock[] };

const MAX_BLOCKS = 50;
const MAX_SECTION = 3000;
/** Of one element of a context block. */
const MAX_CONTEXT = 2000;
/** Slack recommends at most 4,000 characters of `text` (docs.slack.dev, chat.postMessage). */
const MAX_TEXT = 4000;
/** Above about 13,000 characters in all blocks Slack answers `msg_blocks_too_long` (bolt-js issue 2509). */
const MAX_ALL_BLOCKS = 12_000;

/** Default length of one piece of text from outside: a name, a reason, a note. */
const MAX_PIECE = 300;

/**
 * Any text from outside, made harmless for mrkdwn and plain `text` alike: one line, no control characters,
 * no bidirectional overrides, no lone surrogates, no mentions, links or code spans; at most `max` code points
 * as sent. A cut is marked by an ellipsis.
 */
export function escapeMrkdwn(raw: string, max: number = MAX_PIECE): string {
  // Cut first: cleaning a 1 MB string to show 300 characters of it would hold up everybody else.
  const cleaned = clean(raw.slice(0, max * 4));
  const pieces: string[] = [];
  let length = 0;
  for (const point of cleaned) {
    const piece = ESCAPES[point] ?? point;
    length += codePoints(piece);
    if (length > max) return cutToFit(pieces, max);
    pieces.push(piece);
  }
  return raw.length > max * 4 ? cutToFit(pieces, max) : pieces.join('');
}

/** A name as a code span: `app.retries.QUEUE`. */
export function code(raw: string, max: number = MAX_PIECE): string {
  const text = escapeMrkdwn(raw, max - 2);
  return text === '' ? '(empty)' : `\`${text}\``;
}

/** A Slack user id as a mention; any other name as text. */
export function mention(openedBy: string): string {
  return /^[UW][A-Z0-9]{4,20}$/.test(openedBy) ? `<@${openedBy}>` : escapeMrkdwn(openedBy, 80);
}

/** An http(s) address behind a label; the escaped address itself when it is anything else. */
export function link(url: string, label: string): string {
  if (!/^https?:\/\/[^\s\p{C}<>|]{1,1000}$/u.test(url)) return escapeMrkdwn(url);
  return `<${url.replaceAll('&', '&amp;')}|${escapeMrkdwn(label, 80).replaceAll('|', '/')}>`;
}

/** Every reader sees an RFC 3339 time in their own zone; without Slack it reads as UTC. */
export function localTime(rfc3339: string): string {
  const seconds = Math.floor(Date.parse(rfc3339) / 1000);
  if (!Number.isFinite(seconds)) return escapeMrkdwn(rfc3339, 40);
  return `<!date^${seconds}^{date_short_pretty} {time}|${utcTime(rfc3339)}>`;
}

/** `22 Nov 10:00 UTC`. */
export function utcTime(rfc3339: string): string {
  const at = new Date(rfc3339);
  if (Number.isNaN(at.getTime())) return escapeMrkdwn(rfc3339, 40);
  const [, day, month, , time] = /^\w+, (\d+) (\w+) (\d+) (\d+:\d+)/.exec(at.toUTCString()) ?? [];
  return `${day} ${month} ${time} UTC`;
}

/** Lines that were escaped already, as one section; lines that don't fit are counted, never cut in their middle. */
export function section(lines: readonly string[]): SlackBlock {
  return { type: 'section', text: mrkdwn(fitLines(lines, MAX_SECTION, '\n')), expand: true };
}

/** Small print: parts that were escaped already, on one line. */
export function context(parts: readonly string[]): SlackBlock {
  return { type: 'context', elements: [mrkdwn(fitLines(parts, MAX_CONTEXT, ' · '))] };
}

/** Plain text of a label, cut to what Slack takes there: 75 on a button, 24 in the head of a modal. */
export function plainText(raw: string, max: number): PlainText {
  const points = Array.from(clean(raw.slice(0, max * 4)));
  const text = points.length > max ? `${points.slice(0, max - 1).join('')}…` : points.join('');
  return { type: 'plain_text', text: text === '' ? '-' : text, emoji: true };
}

/** The message within Slack's limits of number and sum, whatever went in. Blocks that don't fit are left out from the end. */
export function fitMessage(text: string, blocks: readonly SlackBlock[]): SlackMessage {
  const kept: SlackBlock[] = [];
  let total = 0;
  for (const block of blocks.slice(0, MAX_BLOCKS - 1)) {
    const size = JSON.stringify(block).length;
    if (total + size > MAX_ALL_BLOCKS) {
      kept.push(context(['More was found than fits into one message; the report as JSON has all of it.']));
      break;
    }
    kept.push(block);
    total += size;
  }
  return { text: fitLines(text.split('\n'), MAX_TEXT, '\n'), blocks: kept };
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '`': "'" };

function clean(raw: string): string {
  return raw
    .replace(/\p{Cs}/gu, '\u{fffd}')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\p{Cf}/gu, '')
    .trim();
}

function cutToFit(pieces: string[], max: number): string {
  while (pieces.length > 0 && codePoints(pieces.join('')) > max - 1) pieces.pop();
  return `${pieces.join('')}…`;
}

function fitLines(lines: readonly string[], max: number, separator: string): string {
  const more = (count: number) => `… and ${count} more`;
  const room = max - codePoints(separator + more(lines.length));
  const kept: string[] = [];
  let length = 0;
  for (const line of lines) {
    const size = codePoints(line) + separator.length;
    if (length + size > room) break;
    kept.push(line);
    length += size;
  }
  if (kept.length < lines.length) kept.push(more(lines.length - kept.length));
  // Slack refuses empty text.
  return kept.join(separator).trim() === '' ? '-' : kept.join(separator);
}

function mrkdwn(text: string): Mrkdwn {
  return { type: 'mrkdwn', text, verbatim: true };
}

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
