import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { z } from 'zod';
import { CommandError, EXIT_CONFIG, EXIT_UNAVAILABLE } from '../../errors.ts';
import { cureOf } from './refusals.ts';
import type { SlackWeb } from './slack-web.ts';

/** Who the bot is in Slack. */
export type SlackIdentity = { botUserId: string; botId: string; team: string };

const AuthTest = z.object({ user_id: z.string(), bot_id: z.string().default(''), team: z.string().default('') });

/** Longest wait between two tries while Slack does not answer. */
const MAX_WAIT_MS = 15_000;

/** Asks Slack until it answers. Throws a `CommandError` when it refuses the token, or when `signal` ends the wait. */
export async function identify(web: SlackWeb, logger: Logger, signal: AbortSignal): Promise<SlackIdentity> {
  for (let waitMs = 500; !signal.aborted; waitMs = Math.min(MAX_WAIT_MS, waitMs * 2)) {
    const answer = await web.call('auth.test', {});
    if (answer.kind === 'ok') {
      const { user_id: botUserId, bot_id: botId, team } = AuthTest.parse(answer.body);
      return { botUserId, botId, team };
    }
    if (answer.kind === 'refused') {
      throw new CommandError(EXIT_CONFIG, `Slack refuses the bot token: ${answer.error}`, `${cureOf(answer.error)}.`);
    }
    const wait = answer.kind === 'rate-limited' ? answer.retryAfterSeconds * 1000 : waitMs;
    logger.warn({ answer, waitMs: wait }, 'Slack does not answer yet');
    // The loop's condition tells about the abort.
    await setTimeout(wait, undefined, { signal }).catch(() => {});
  }
  throw new CommandError(EXIT_UNAVAILABLE, 'stopped before Slack answered', 'Start again when Slack can be reached.');
}
