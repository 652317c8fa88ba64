import { z } from 'zod';

/** One line of the append-only trail of an incident: who did what, when, on which evidence. Never edited, never removed. */
export const AuditEntry = z.object({
  /** RFC 3339. */
  at: z.string(),
  /** Slack user id, or what acted by itself: `memtriage`, `collector local`. */
  who: z.string(),
  /** One word for machines, such as `approved`, `declined`, `acted`, `paged`, `acknowledged`. */
  what: z.string(),
  /** A sentence for people, with the evidence it stood on. Plain text. */
  why: z.string(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;
