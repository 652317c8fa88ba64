import type { Directory } from '../directory.ts';
import type { EphemeralMessage } from '../ephemerals.ts';
import type { StoredMessage } from '../messages.ts';
import { ephemeralLines, GUTTER, messageLines } from './message.ts';
import type { Viewer } from './mrkdwn.ts';
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
/** A root and its replies, oldest first, as a person in Slack sees them. */
export function renderThread(
  channel: string,
  messages: readonly StoredMessage[],
  directory: Directory,
  options: RenderOptions = {},
): string {
  const viewer = viewerOf(directory, options);
  const { style } = viewer;
  const root = messages[0]?.threadTs === null ? messages[0] : undefined;
  const replies = root === undefined ? messages : messages.slice(1);
  const lines = [rule(`#${directory.channel(channel)?.name ?? channel}`, viewer)];
  lines.push('', ...(root === undefined ? [style.dim('This message was deleted.')] : messageLines(root, null, viewer)));
  if (replies.length > 0) lines.push('', rule(replies.length === 1 ? '1 reply' : `${replies.length} replies`, viewer));
  replies.forEach((reply, index) => {
    lines.push('', ...messageLines(reply, replies[index - 1] ?? null, viewer));
  });
  return `${lines.join('\n')}\n`;
}

export function renderEphemeral(message: EphemeralMessage, directory: Directory, options: RenderOptions = {}): string {
  return `${ephemeralLines(message, viewerOf(directory, options)).join('\n')}\n`;
}

function viewerOf(directory: Directory, { width = WIDTH, ansi = false, timeZone }: RenderOptions): Viewer {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return { directory, style: ansi ? ANSI : PLAIN, width: width - GUTTER, timeZone: timeZone ?? here };
}

function rule(title: string, { style, width }: Viewer): string {
  return `${style.bold(title)} ${style.dim('─'.repeat(Math.max(0, width + GUTTER - title.length - 1)))}`;
}
