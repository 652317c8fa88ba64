/** What was seen before an OOM kill, in words: a line on the root, and the evidence as a reply. */
import { describeBreak } from '../analysis/broken-off.ts';
import type { LastLook } from '../incident/last-look.ts';
import { formatBytes } from '../units.ts';
import { escapeMrkdwn, localTime, type SlackMessage } from './slack-blocks.ts';
import { NO_PART, type RootPart } from './slack-buttons.ts';
import { culpritPhrase, percent } from './slack-figures.ts';
import { renderInside } from './slack-thread.ts';

export function lastLookPart(look: LastLook | null): RootPart {
  if (look === null) return NO_PART;
  return { ...NO_PART, lines: [`*Before the kill* (${placeOf(look)}): ${culpritOf(look)}`] };
}

export function renderLastLook(look: LastLook): SlackMessage | null {
  const head = { title: `What grew before the kill, ${placeOf(look)}`, lines: [culpritOf(look)] };
  return renderInside(head, look.snapshot);
}

function placeOf({ at, usedBytes, limitBytes }: LastLook): string {
  return `${localTime(at)}, ${percent(usedBytes / limitBytes)} of ${formatBytes(limitBytes)}`;
}

function culpritOf({ snapshot }: LastLook): string {
  const { brokenOff, gc } = snapshot;
  const seen = gc === null ? 'the inside was not seen then' : 'no container with a name grew in that look';
  return escapeMrkdwn(culpritPhrase({ snapshot }) ?? (brokenOff === undefined ? seen : describeBreak(brokenOff)));
}
