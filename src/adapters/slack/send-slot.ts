/** A message of a thread on its way to Slack, and what is kept of it once it is there. */
import { z } from 'zod';
import type { Sent, Slot } from './outbox-thread.ts';
import { refusalKind } from './refusals.ts';
import type { SlackAnswer, SlackWeb } from './slack-web.ts';

/** A `SlackMessage` as the outbox stores it. */
export const StoredMessage = z.object({ text: z.string(), blocks: z.array(z.any()) });

/** Blocks that Slack refuses are our bug; the text, complete by itself, must arrive all the same. */
export async function sendSlot(
  web: SlackWeb,
  method: string,
  slot: Slot,
  args: Record<string, unknown>,
): Promise<SlackAnswer> {
  const { text, blocks } = StoredMessage.parse(JSON.parse(slot.message));
  const quiet = method === 'chat.postMessage' ? { unfurl_links: false, unfurl_media: false } : {};
  const answer = await web.call(method, { ...args, ...quiet, text, blocks });
  if (answer.kind !== 'refused' || refusalKind(answer.error) !== 'content') return answer;
  return await web.call(method, { ...args, ...quiet, text, blocks: [] });
}

export function sentAs({ version, kind, news }: Slot, ts: string): Sent {
  return { ts, version, kind, ...(news === undefined ? {} : { news }) };
}

const Posted = z.object({ ts: z.string() });

/** An answer without it would be a Slack that we don't know: the message is looked for like one whose answer was lost. */
export function tsOf(body: unknown): string {
  const posted = Posted.safeParse(body);
  if (!posted.success) throw new Error('Slack posted a message and did not say where');
  return posted.data.ts;
}
