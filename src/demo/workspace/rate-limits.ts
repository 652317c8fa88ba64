/**
 * Slack's limits on calls (docs.slack.dev/apis/web-api/rate-limits): tiers per method and workspace, calls per minute,
 * and one `chat.postMessage` a second per channel, short bursts allowed.
 */
const CALLS_PER_MINUTE_BY_TIER = { 1: 1, 2: 20, 3: 50, 4: 100 } as const;
const POSTS_PER_SECOND_PER_CHANNEL = 1;
/** Slack says "short bursts" without a number. Three is enough to forgive jitter, and too few to hide a missing limiter. */
const POST_BURST = 3;

const TIERS: Readonly<Record<string, keyof typeof CALLS_PER_MINUTE_BY_TIER>> = {
  'apps.connections.open': 3,
  'chat.update': 3,
  'chat.delete': 3,
  'chat.postEphemeral': 4,
  'conversations.history': 3,
  'conversations.replies': 3,
  'conversations.info': 3,
  'conversations.list': 2,
  'conversations.members': 4,
  'conversations.open': 3,
  'files.completeUploadExternal': 4,
  'files.getUploadURLExternal': 4,
  'files.info': 4,
  'reactions.add': 3,
  'usergroups.list': 2,
  'usergroups.users.list': 2,
  'users.info': 4,
  'users.list': 2,
  'views.open': 4,
  'views.publish': 4,
  'views.push': 4,
  'views.update': 4,
};

type Bucket = { tokens: number; at: number };

export type RateLimits = {
  /** Seconds to wait (whole, at least 1) when the call is over the limit, else null and the call is counted. */
  take: (method: string, channel: string | null) => number | null;
};

export function createRateLimits(now: () => number): RateLimits {
  const buckets = new Map<string, Bucket>();
  return {
    take: (method, channel) => {
      const limit = limitOf(method, channel);
      if (limit === null) return null;
      const bucket = buckets.get(limit.key) ?? { tokens: limit.burst, at: now() };
      bucket.tokens = Math.min(limit.burst, bucket.tokens + ((now() - bucket.at) / 1000) * limit.perSecond);
      bucket.at = now();
      buckets.set(limit.key, bucket);
      if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / limit.perSecond));
      bucket.tokens -= 1;
      return null;
    },
  };
}

function limitOf(method: string, channel: string | null): { key: string; burst: number; perSecond: number } | null {
  if (method === 'chat.postMessage') {
    return { key: `${method} ${channel}`, burst: POST_BURST, perSecond: POSTS_PER_SECOND_PER_CHANNEL };
  }
  const tier = TIERS[method];
  if (tier === undefined) return null;
  const perMinute = CALLS_PER_MINUTE_BY_TIER[tier];
  return { key: method, burst: perMinute, perSecond: perMinute / 60 };
}
