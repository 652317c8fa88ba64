import { bytesOf, firstFrom, type Life } from './lives.ts';
import type { PodFit } from './pods.ts';
import { quantileInPlace } from './quantiles.ts';
import type { MemoryState, Sample } from './series.ts';

/** RSS can't see growth below this earlier peak. */
export type Blind = { peakBytes: number; agoSeconds: number };

/** The peak stands this far above everything since: below it is allocator noise. */
const BURST = 0.1;
/** A burst is short: longer stays up there are the load or a sawtooth. Share of the life. */
const LONGEST_BURST = 0.1;
/** What has been since the peak and is told as the level: the last quarter, as in the fits. */
const SINCE = 0.25;
const PARTS = 48;
/** Earlier ones belong to warming up. */
const FIRST_PART = 3;
/** Of a jump: how much the level may move later. */
const LITTLE = 0.3;

/**
 * After a burst the heap keeps freed blocks, from which the allocator serves a leak: RSS stays flat until they are used
 * up (measured on a real process: over 5 h at 4.2 MB/h; docs/detection.md). True of a running process that sits flat
 * after a jump of 10 %, or 10 % below a short peak of its own life. Null otherwise. `now`: case seconds.
 */
export function blindBelow({ current }: PodFit, state: MemoryState, now: number): Blind | null {
  const running = current.at(-1);
  if (running === undefined || (state !== 'healthy' && state !== 'filling')) return null;
  const { samples, startSeconds } = running;
  const from = firstFrom(samples, now - SINCE * (now - startSeconds));
  const since = samples.slice(from);
  const before = samples.slice(0, from);
  if (since.length === 0 || before.length === 0) return null;
  const level = highest(since)[1];
  const [at, peakBytes] = highest(before);
  if (peakBytes < (1 + BURST) * level) {
    const jumpAt = jumpOf(running);
    return jumpAt === null ? null : { peakBytes: Math.max(level, peakBytes), agoSeconds: now - jumpAt };
  }
  const halfway = (peakBytes + level) / 2;
  const isLong = before.filter(([, bytes]) => bytes > halfway).length > LONGEST_BURST * samples.length;
  return isLong ? null : { peakBytes, agoSeconds: now - at };
}

function highest(samples: readonly Sample[]): Sample {
  return samples.reduce((most, sample) => (sample[1] > most[1] ? sample : most), [0, 0]);
}

/**
 * When the level jumped up once and for all: by a tenth within two of 48 parts of the life, over all before, and what
 * came later added or took little. Phases of load come again, caches fill longer, growth goes on. Case seconds.
 */
function jumpOf({ samples }: Life): number | null {
  const first = samples[0]?.[0] ?? 0;
  const width = ((samples.at(-1)?.[0] ?? 0) - first) / PARTS;
  const levels = levelsOf(samples, first, width);
  for (let i = FIRST_PART; i < (1 - SINCE) * PARTS; i += 1) {
    const below = levels[i - 1] ?? Number.NaN;
    const above = levels[i + 1] ?? Number.NaN;
    const little = LITTLE * (above - below);
    const isJump = above >= (1 + BURST) * below;
    const isFirst = levels.slice(0, i).every((level) => !(level > above - little));
    const isLast = levels.slice(i + 1).every((level) => !(Math.abs(level - above) > little));
    if (isJump && isFirst && isLast) return first + (i + 0.5) * width;
  }
  return null;
}

/** Medians of the parts; NaN of an empty one. */
function levelsOf(samples: readonly Sample[], first: number, width: number): number[] {
  const bytes = bytesOf(samples);
  const levels = Array.from({ length: PARTS }, () => Number.NaN);
  let from = 0;
  for (let part = 0; part < PARTS; part += 1) {
    let to = from;
    while (to < bytes.length && Math.floor(((samples[to]?.[0] ?? 0) - first) / width) <= part) to += 1;
    if (part === PARTS - 1) to = bytes.length;
    levels[part] = quantileInPlace(bytes.subarray(from, to), 0.5);
    from = to;
  }
  return levels;
}
