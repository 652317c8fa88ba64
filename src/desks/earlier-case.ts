import type { Incident } from '../incident/incident.ts';
import { link } from '../report/slack-blocks.ts';
import { NO_PART, type RootPart } from '../report/slack-buttons.ts';
import type { Addresses } from './addresses.ts';

/** The way from a new thread to that of the service's case before it. */
export function createEarlierCase(addressOf: Addresses): (incident: Incident) => Promise<RootPart> {
  return async ({ previous, channelId }) => {
    if (previous === undefined || previous === '' || channelId === null) return NO_PART;
    const address = await addressOf(previous);
    // Its thread was quiet for too long to be known, or it never had one.
    return address === null ? NO_PART : { ...NO_PART, lines: [`Earlier case: ${link(address, previous)}`] };
  };
}
