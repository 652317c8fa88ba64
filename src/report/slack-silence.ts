/** A silence in words: on the root of the incident that it is about. */
import type { Silence } from '../incident/silence.ts';
import { escapeMrkdwn, localTime, mention } from './slack-blocks.ts';
import { NO_PART, type RootPart } from './slack-buttons.ts';

/** What everybody must know who reads the thread: that nobody is paged, until when, by whom and why. */
export function silencePart(silence: Silence | null): RootPart {
  if (silence === null) return NO_PART;
  const { by, reason, until } = silence;
  const line = `🔕 *Silenced* until ${localTime(until)} by ${mention(by)}: ${escapeMrkdwn(reason)}. OOM kills are counted here, nobody is paged.`;
  return { ...NO_PART, lines: [line] };
}
