import { webApi } from '@slack/bolt';
import type { Logger } from 'pino';
import { messageOf } from '../../errors.ts';
import { toSlackLogger } from './slack-logger.ts';

/** What came of one call of Slack's Web API. Only `unanswered` leaves open whether Slack did it. */
export type SlackAnswer =
  | { kind: 'ok'; body: unknown }
  /** Not done; ask again after that time. */
  | { kind: 'rate-limited'; retryAfterSeconds: number }
  /** Not done; `error` is Slack's word, such as `not_in_channel`. */
  | { kind: 'refused'; error: string }
  /** Cut, timed out, 5xx or broken by Slack's own word: it may have been done all the same. */
  | { kind: 'unanswered'; why: string };

export interface SlackWeb {
  /** One attempt. Never throws for what Slack or the network does. */
  call(method: string, args: Record<string, unknown>): Promise<SlackAnswer>;
}

/** Longest wait for one answer, milliseconds. The outbox counts on it when it looks for a lost message. */
export const REQUEST_TIMEOUT_MS = 10_000;

export type SlackWebOptions = {
  botToken: string;
  /** With trailing slash; null: Slack's own. */
  slackApiUrl: string | null;
  logger: Logger;
  timeoutMs?: number;
};

/**
 * No retries and no waiting inside the client: by default it repeats posts after 5xx (two messages) and lets
 * a 429 of one channel hold up all the others.
 */
export function createSlackWeb({
  botToken,
  slackApiUrl,
  logger,
  timeoutMs = REQUEST_TIMEOUT_MS,
}: SlackWebOptions): SlackWeb {
  const client = new webApi.WebClient(botToken, {
    ...(slackApiUrl === null ? {} : { slackApiUrl }),
    timeout: timeoutMs,
    rejectRateLimitedCalls: true,
    retryConfig: { retries: 0 },
    logger: toSlackLogger(logger),
  });
  return {
    call: async (method, args) => {
      try {
        return { kind: 'ok', body: await client.apiCall(method, args) };
      } catch (thrown) {
        return toAnswer(thrown);
      }
    },
  };
}

/** Where Slack names no time, its own documentation's window: one minute. */
const UNNAMED_RETRY_SECONDS = 60;

/**
 * Slack's own failures, told as words of a 200: "some aspect of the operation may have succeeded" (docs.slack.dev,
 * errors of chat.postMessage). Like a 5xx: looked for and tried again in a moment; no person can cure it.
 */
const SLACK_BROKE: ReadonlySet<string> = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]);

function toAnswer(thrown: unknown): SlackAnswer {
  if (thrown instanceof webApi.WebAPIRateLimitedError) {
    return { kind: 'rate-limited', retryAfterSeconds: thrown.retryAfter };
  }
  if (thrown instanceof webApi.WebAPIPlatformError) {
    const { error } = thrown.data;
    if (SLACK_BROKE.has(error)) return { kind: 'unanswered', why: `Slack answered ${error}` };
    const isLimit = error === 'ratelimited' || error === 'rate_limited' || error === 'message_limit_exceeded';
    return isLimit ? { kind: 'rate-limited', retryAfterSeconds: UNNAMED_RETRY_SECONDS } : { kind: 'refused', error };
  }
  return { kind: 'unanswered', why: messageOf(thrown) };
}
