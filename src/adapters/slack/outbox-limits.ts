/** How fast the outbox writes to Slack: Slack's own limits of calls, and our patience. */
import type { OutboxTimes } from './outbox-thread.ts';

export type OutboxLimits = OutboxTimes & {
  /** Slack takes one message a second in a channel (docs.slack.dev/apis/web-api/rate-limits). */
  postEveryMs: number;
  /**
   * Edits in the whole workspace: one each `everyMs` after a burst. All leave `forKills` turns of it free for roots that do
   * not say yet that their service was OOM-killed; progress leaves `forReports`.
   */
  edits: { everyMs: number; burst: number; forReports: number; forKills: number };
  /** First and longest wait after Slack did not answer. */
  backoffMs: { first: number; longest: number };
  /** Wait after a refusal that a person must cure (not in the channel, token revoked). */
  refusedMs: number;
};

export const OUTBOX_LIMITS: OutboxLimits = {
  postEveryMs: 1000,
  editEveryMs: 3000,
  // `chat.update` is a tier 3 method: 50 calls a minute (docs.slack.dev/apis/web-api/rate-limits); 48 and some room.
  edits: { everyMs: 1250, burst: 40, forReports: 20, forKills: 10 },
  requestTimeoutMs: 10_000,
  settleMs: 1500,
  backoffMs: { first: 500, longest: 30_000 },
  refusedMs: 60_000,
};
