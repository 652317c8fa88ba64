import type { Outbox } from '../adapters/slack/outbox.ts';
import type { Incident } from '../incident/incident.ts';
import { link } from '../report/slack-blocks.ts';
import { NO_PART, type RootPart } from '../report/slack-buttons.ts';

/** Threads whose address is remembered: it never changes, and Slack answers for each question. */
const MAX_KNOWN = 500;

/** The way from a new thread to that of the service's case before it. */
export function createEarlierCase(permalinkOf: Outbox['permalink']): (incident: Incident) => Promise<RootPart> {
  const known = new Map<string, string>();

  async function addressOf(id: string): Promise<string | null> {
    const found = known.get(id) ?? (await permalinkOf(id).catch(() => null));
    const [oldest] = known.keys();
    if (known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest);
    if (found !== null) known.set(id, found);
    return found;
  }

  return async ({ previous, channelId }) => {
    if (previous === undefined || previous === '' || channelId === null) return NO_PART;
    const address = await addressOf(previous);
    // Its thread was quiet for too long to be known, or it never had one.
    return address === null ? NO_PART : { ...NO_PART, lines: [`Earlier case: ${link(address, previous)}`] };
  };
}
