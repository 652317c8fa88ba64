import type { Outbox } from '../adapters/slack/outbox.ts';

/** Threads whose address is remembered: it never changes, and Slack answers for each question. */
const MAX_KNOWN = 500;

/** Where the thread of an incident or an umbrella stands; null: it has none yet, or Slack did not tell in time. */
export type Addresses = (id: string) => Promise<string | null>;

export function createAddresses(permalinkOf: Outbox['permalink']): Addresses {
  const known = new Map<string, string>();
  return async (id) => {
    const found = known.get(id) ?? (await permalinkOf(id).catch(() => null));
    const [oldest] = known.keys();
    if (known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest);
    if (found !== null) known.set(id, found);
    return found;
  };
}
