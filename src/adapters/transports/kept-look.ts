import { setTimeout as wait } from 'node:timers/promises';
import { brokenOffBy, upTo } from '../../analysis/broken-off.ts';
import type { Rung, Snapshot } from '../../analysis/snapshot.ts';
import { type Failure, type Outcome, ok } from '../../errors.ts';
import { formatDuration } from '../../units.ts';

export type KeepContext = {
  /** Stores what is known so far outside of this process, before the next rung begins. */
  keep?: (partial: Snapshot) => Promise<void>;
  /** Processes that the OOM killer took from the target's cgroup; null: not known. */
  readOomKills?: () => number | null;
};

/** A store that is away must not hold up a look: the target may not have long. */
const KEEP_MS = 2000;

export interface KeptLook {
  /** Resolves when it is stored, or could not be in time. */
  after(rung: Rung, partial: Snapshot): Promise<void>;
  /** What was seen before `failure`, which says why no more; the Failure itself when that is nothing. */
  breakOff(failure: Failure): Outcome<Snapshot>;
}

/** What one look has seen so far, so that neither the target's end nor ours loses it. */
export function keepLook({ keep, readOomKills }: KeepContext): KeptLook {
  const beganMs = Date.now();
  const killsBefore = readOomKills?.() ?? null;
  let kept: Snapshot | null = null;
  const seconds = (): number => (Date.now() - beganMs) / 1000;

  function causeOf({ why }: Failure): string {
    const killsNow = readOomKills?.() ?? null;
    const isKill = killsBefore !== null && killsNow !== null && killsNow > killsBefore;
    const killed = isKill ? '; meanwhile the OOM killer took a process of its cgroup' : '';
    return `${formatDuration(seconds())} into it, ${why}${killed}`;
  }

  return {
    async after(rung, partial) {
      kept = upTo(rung, seconds(), partial);
      if (keep !== undefined) await inTime(keep(kept));
    },
    breakOff: (failure) => (kept === null ? failure : ok(brokenOffBy(causeOf(failure), kept))),
  };
}

/** A store that fails is told by its own connection. */
async function inTime(storing: Promise<void>): Promise<void> {
  const done = new AbortController();
  const late = wait(KEEP_MS, undefined, { signal: done.signal }).catch(() => {});
  await Promise.race([storing.catch(() => {}), late]);
  done.abort();
}
