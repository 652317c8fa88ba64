import type { Directory } from '../directory.ts';
import { type JsonObject, stringIn } from '../json.ts';
import type { StoredMessage } from '../messages.ts';
import { blocksLines } from './blocks.ts';
import { clockTime } from './date-token.ts';
import { wrapAll } from './layout.ts';
import { mrkdwnLines, named, type Viewer } from './mrkdwn.ts';
import { ANSI, PLAIN } from './style.ts';

export type RenderOptions = {
  /** Cells of a line. Default: 96. */
  width?: number;
  /** Bold, dim and coloured by ANSI sequences. Default: plain text. */
  ansi?: boolean;
  /** IANA name. Default: this machine's. */
  timeZone?: string;
};

const WIDTH = 96;
const INDENT = 2;
/** Slack leaves the name out of messages that follow one of the same person within this time. */
const SAME_SPEAKER_MS = 5 * 60_000;

/** A root and its replies, oldest first, as a person in Slack sees them. */
export function renderThread(
  channel: string,
  messages: readonly StoredMessage[],
  directory: Directory,
  { width = WIDTH, ansi = false, timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone }: RenderOptions = {},
): string {
  const style = ansi ? ANSI : PLAIN;
  const viewer: Viewer = { directory, style, width: width - INDENT, timeZone };
  const root = messages[0]?.threadTs === null ? messages[0] : undefined;
  const replies = root === undefined ? messages : messages.slice(1);
  const lines = [rule(`#${directory.channel(channel)?.name ?? channel}`, width, viewer)];
  lines.push('', ...(root === undefined ? [style.dim('This message was deleted.')] : messageLines(root, null, viewer)));
  if (replies.length > 0)
    lines.push('', rule(replies.length === 1 ? '1 reply' : `${replies.length} replies`, width, viewer));
  replies.forEach((reply, index) => {
    lines.push('', ...messageLines(reply, replies[index - 1] ?? null, viewer));
  });
  return `${lines.join('\n')}\n`;
}

function rule(title: string, width: number, { style }: Viewer): string {
  return `${style.bold(title)} ${style.dim('─'.repeat(Math.max(0, width - title.length - 1)))}`;
}

/** One message: who and when, then what was said. */
export function messageLines(message: StoredMessage, before: StoredMessage | null, viewer: Viewer): readonly string[] {
  const { directory, style, timeZone } = viewer;
  const isSameSpeaker =
    before?.user === message.user && message.history[0] !== undefined && sentWithin(message, before);
  const name = directory.user(message.user)?.name ?? message.user;
  const speaker = `${style.bold(name)}${message.isBot ? style.dim(' APP') : ''}  ${style.dim(clockTime(sentAt(message), timeZone))}`;
  const body = bodyLines(message, viewer).map((line) => (line === '' ? '' : `${' '.repeat(INDENT)}${line}`));
  return isSameSpeaker ? body : [speaker, ...body];
}

function sentAt({ ts }: StoredMessage): number {
  return Number(ts) * 1000;
}

function sentWithin(message: StoredMessage, before: StoredMessage): boolean {
  return sentAt(message) - sentAt(before) < SAME_SPEAKER_MS;
}

function bodyLines(message: StoredMessage, viewer: Viewer): readonly string[] {
  const { style, width } = viewer;
  const text = message.text === '' ? [] : wrapAll(mrkdwnLines(message.text, viewer), width);
  const content = message.blocks.length > 0 ? blocksLines(message.blocks, viewer) : text;
  const edited = message.marksEdited ? [style.dim('(edited)')] : [];
  const files = message.files.map((file) => `📎 ${fileName(file)}`);
  const reactions = message.reactions.map(({ name, users }) => `${named(`:${name}:`)} ${users.length}`).join('  ');
  return [...content, ...edited, ...files, ...(reactions === '' ? [] : [reactions])];
}

function fileName(file: JsonObject): string {
  const title = stringIn(file, 'title') ?? stringIn(file, 'name') ?? '';
  return `${title} (${Math.max(1, Math.round(Number(file['size']) / 1024))} kB)`;
}
