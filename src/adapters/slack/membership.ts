import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import type { SlackAnswer, SlackWeb } from './slack-web.ts';

export type Membership = {
  /** False only when Slack says so; when it can't be found out in time, the delivery will tell. */
  mayPostTo(channelId: string): Promise<boolean>;
};

/** How long a yes is believed: it saves a call for each command (`conversations.info` allows 50 a minute). */
const BELIEVED_MS = 5 * 60_000;
/** The question stands before the answer to a person, who must have it within a second. */
const DEADLINE_MS = 400;
/** Oldest entries go first beyond this many channels. */
const MAX_CHANNELS = 5000;

const Info = z.object({ channel: z.object({ is_member: z.boolean().optional(), is_im: z.boolean().optional() }) });

/** Whether the bot may write where a command was typed. Needs `channels:read` and `groups:read`; without them: yes. */
export function createMembership(web: SlackWeb): Membership {
  const believedUntil = new Map<string, number>();
  const underWay = new Map<string, Promise<Told>>();
  let quietUntil = 0;

  async function ask(channelId: string): Promise<Told> {
    const answer = await web.call('conversations.info', { channel: channelId });
    if (answer.kind === 'rate-limited') quietUntil = Date.now() + answer.retryAfterSeconds * 1000;
    const told = toTold(answer);
    if (told === 'yes') {
      const oldest = believedUntil.keys().next().value;
      if (believedUntil.size >= MAX_CHANNELS && oldest !== undefined) believedUntil.delete(oldest);
      believedUntil.set(channelId, Date.now() + BELIEVED_MS);
    }
    return told;
  }

  /** Twenty commands at once in a channel are one question, and none while Slack asks for rest. */
  function askOnce(channelId: string): Promise<Told> {
    const asked = underWay.get(channelId) ?? ask(channelId).finally(() => underWay.delete(channelId));
    underWay.set(channelId, asked);
    return asked;
  }

  return {
    mayPostTo: async (channelId) => {
      const now = Date.now();
      if ((believedUntil.get(channelId) ?? 0) > now || quietUntil > now) return true;
      const late = setTimeout(DEADLINE_MS, 'not known' as const, { ref: false });
      return (await Promise.race([askOnce(channelId), late])) !== 'no';
    },
  };
}

type Told = 'yes' | 'no' | 'not known';

function toTold(answer: SlackAnswer): Told {
  // A private channel that the bot is not in does not exist for it.
  if (answer.kind === 'refused') return answer.error === 'channel_not_found' ? 'no' : 'not known';
  const info = answer.kind === 'ok' ? Info.safeParse(answer.body) : null;
  if (info === null || !info.success) return 'not known';
  const { is_member: isMember, is_im: isDirect } = info.data.channel;
  return isMember === false && isDirect !== true ? 'no' : 'yes';
}
