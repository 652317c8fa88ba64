import { z } from 'zod';

/** Longest silence: whatever lasts longer is a matter of policy, not of a night. */
export const MAX_SILENCE_SECONDS = 7 * 86_400;

/**
 * Somebody wants to hear less of a service for a while. Never hides an OOM kill: it opens its thread and is counted, and
 * nobody is paged. Times RFC 3339.
 */
export const Silence = z.object({
  schema: z.literal(1),
  service: z.string(),
  /** Slack user id. */
  by: z.string(),
  reason: z.string(),
  since: z.string(),
  until: z.string(),
});
export type Silence = z.infer<typeof Silence>;
