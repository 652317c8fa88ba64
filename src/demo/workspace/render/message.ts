import type { EphemeralMessage } from '../ephemerals.ts';
import { type JsonObject, stringIn } from '../json.ts';
import type { StoredMessage } from '../messages.ts';
import { blocksLines } from './blocks.ts';
import { clockTime } from './date-token.ts';
import { wrapAll } from './layout.ts';
import { mrkdwnLines, named, type Viewer } from './mrkdwn.ts';

/** The bar that holds the lines of one message together, and the space behind it. */
export const GUTTER = 2;
/** Slack leaves the name out of messages that follow one of the same person within this time. */
const SAME_SPEAKER_MS = 5 * 60_000;

/** One message: who and when, then what was said. */
export function messageLines(message: StoredMessage, before: StoredMessage | null, viewer: Viewer): readonly string[] {
  const { directory, style, timeZone } = viewer;
  const isSameSpeaker = before?.user === message.user && sentAt(message) - sentAt(before) < SAME_SPEAKER_MS;
  const name = message.author?.username ?? directory.user(message.user)?.name ?? message.user;
  const speaker = `${style.bold(name)}${message.isBot ? style.dim(' APP') : ''}  ${style.dim(clockTime(sentAt(message), timeZone))}`;
  const body = held(bodyLines(message, viewer), viewer);
  return isSameSpeaker ? body : [speaker, ...body];
}

function sentAt({ ts }: StoredMessage): number {
  return Number(ts) * 1000;
}

function bodyLines(message: StoredMessage, viewer: Viewer): readonly string[] {
  const { style } = viewer;
  const edited = message.marksEdited ? [style.dim('(edited)')] : [];
  const files = message.files.map((file) => `📎 ${fileName(file)}`);
  const reactions = message.reactions.map(({ name, users }) => `${named(`:${name}:`)} ${users.length}`).join('  ');
  return [...contentLines(message, viewer), ...edited, ...files, ...(reactions === '' ? [] : [reactions])];
}

function fileName(file: JsonObject): string {
  const title = stringIn(file, 'title') ?? stringIn(file, 'name') ?? '';
  return `${title} (${Math.max(1, Math.round(Number(file['size']) / 1024))} kB)`;
}

/** A message that only one person sees. */
export function ephemeralLines(message: EphemeralMessage, viewer: Viewer): readonly string[] {
  const { style } = viewer;
  const speaker = style.bold(message.source === 'slack' ? 'slackbot' : 'memtriage');
  return [`${speaker}  ${style.dim('only visible to you')}`, ...held(contentLines(message, viewer), viewer)];
}

/** The blocks; the text only where there are none. */
function contentLines(message: { text: string; blocks: readonly JsonObject[] }, viewer: Viewer): readonly string[] {
  if (message.blocks.length > 0) return blocksLines(message.blocks, viewer);
  return message.text === '' ? [] : wrapAll(mrkdwnLines(message.text, viewer), viewer.width);
}

function held(lines: readonly string[], { style }: Viewer): readonly string[] {
  return lines.map((line) => `${style.dim('│')} ${line}`.trimEnd());
}
