import { z } from 'zod';
import { Snapshot } from '../analysis/snapshot.ts';

/** What a collector saw inside a process that came near its limit: the evidence from before a kill. Sizes in bytes. */
export const LastLook = z.object({
  schema: z.literal(1),
  /** RFC 3339. */
  at: z.string(),
  instance: z.string(),
  /** What all processes of the limit held together when the look began. */
  usedBytes: z.number(),
  limitBytes: z.number(),
  snapshot: Snapshot,
});
export type LastLook = z.infer<typeof LastLook>;

/** A look that is older tells of another story than the kill. */
const BELONGS_SECONDS = 3600;
/** A kill is dated by a sample or a scrape, and may be dated a little before a look that came first. */
const CLOCK_SECONDS = 60;

/** The newest look from before the kill, or null. `looks`: newest first; `killedAt`: RFC 3339. */
export function lookBefore(looks: readonly LastLook[], killedAt: string): LastLook | null {
  const killedMs = Date.parse(killedAt);
  const belongs = ({ at }: LastLook): boolean => {
    const agoSeconds = (killedMs - Date.parse(at)) / 1000;
    return agoSeconds >= -CLOCK_SECONDS && agoSeconds <= BELONGS_SECONDS;
  };
  return looks.find(belongs) ?? null;
}
