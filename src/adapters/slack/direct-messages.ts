import { z } from 'zod';
import { failed, inconclusive, type Outcome, ok } from '../../errors.ts';
import { cureOf } from './refusals.ts';
import type { SlackWeb } from './slack-web.ts';

const Opened = z.object({ channel: z.object({ id: z.string() }) });

export type DirectMessages = {
  /** The channel of the direct messages with that person. `inconclusive`: it may work when tried again. */
  channelOf(userId: string): Promise<Outcome<string>>;
};

/** By `conversations.open` (scope im:write), which answers the same channel each time; kept for as long as the bot runs. */
export function createDirectMessages(web: SlackWeb): DirectMessages {
  const kept = new Map<string, string>();
  return {
    async channelOf(userId) {
      const known = kept.get(userId);
      if (known !== undefined) return ok(known);
      const answer = await web.call('conversations.open', { users: userId });
      const what = `no direct message to ${userId}`;
      if (answer.kind === 'refused')
        return failed('operator', `${what}: Slack says ${answer.error}`, cureOf(answer.error));
      const parsed = answer.kind === 'ok' ? Opened.safeParse(answer.body) : null;
      if (parsed?.success !== true)
        return inconclusive('upstream', `${what}: Slack did not answer`, 'It is tried again');
      kept.set(userId, parsed.data.channel.id);
      return ok(parsed.data.channel.id);
    },
  };
}
