import { bytesOf, type Life } from './lives.ts';
import { median, quantileInPlace } from './quantiles.ts';

/** A life, or several, as few points: what the fits read. Points of one life follow each other. */
export type Points = {
  kind: 'low' | 'median' | 'troughs';
  /** Bins over the longest life; number of troughs for `troughs`. */
  bins: number;
  /** 0..1: age by the longest life's span. */
  x: Float64Array;
  /** Case seconds of each point. */
  seconds: Float64Array;
  bytes: Float64Array;
  /** Bins since the point before; 0 at the first point of a life. */
  gaps: Float64Array;
  /** All bins of one life are there: the whitened Gram of this grid can be shared. */
  isRegular: boolean;
};

/** Ages that the points cover, after the start-up. Seconds. */
export type AgeSpan = { from: number; to: number; seconds: number };

/** The envelope's quantile: below the batch peaks and GC teeth, above single low outliers. */
const LOW = 0.1;
/** Bins with less than this share of the usual number of samples are left out (the edges of gaps). */
const SPARSE_BIN = 0.25;
const FEWEST_BINS_OF_LIFE = 3;
/** A life in a pool of many still has this many bins, where its samples allow it. */
const POOLED_BINS = 8;

/**
 * Of many lives the ages that a quarter of them reached: beyond, one life's accidents would look like growth.
 * A running life that outgrew them by half is a story of its own and counts in full.
 */
export function ageSpan(lives: readonly Life[]): AgeSpan {
  const firstAge = (life: Life) => (life.samples[0]?.[0] ?? life.startSeconds) - life.startSeconds;
  const lastAge = (life: Life) => (life.samples.at(-1)?.[0] ?? life.startSeconds) - life.startSeconds;
  const from = lives.reduce((least, life) => Math.min(least, firstAge(life)), Number.POSITIVE_INFINITY);
  const ends = lives.map(lastAge).sort((a, b) => b - a);
  const running = lives.at(-1);
  const shared = ends[Math.floor(lives.length / 4)] ?? 0;
  const outgrown = running !== undefined && lastAge(running) > OUTGROWN * shared;
  const to = outgrown ? (ends[0] ?? 0) : shared;
  return { from, to, seconds: to - from };
}

const OUTGROWN = 1.5;

/** Bins over the longest life so that all lives together have about `total`. */
function binsOfLongest(lives: readonly Life[], total: number): number {
  const spans = lives.map((life) => (life.samples.at(-1)?.[0] ?? 0) - (life.samples[0]?.[0] ?? 0));
  const all = spans.reduce((sum, span) => sum + span, 0);
  const longest = Math.max(...spans);
  const share = all > 0 ? longest / all : 1;
  return Math.max(Math.min(total, POOLED_BINS), Math.round(total * share));
}

/** Samples of the lives in bins of equal age. Bins of one life follow each other. */
type Binned = { bins: number; cells: { life: number; bin: number; seconds: number; bytes: Float64Array }[] };

export function toBins(lives: readonly Life[], span: AgeSpan, total: number): Binned {
  const bins = binsOfLongest(lives, total);
  const width = span.seconds / bins;
  const cells: Binned['cells'] = [];
  for (const [life, { startSeconds, samples }] of lives.entries()) {
    const bytes = bytesOf(samples);
    const start = startSeconds + span.from;
    const end = startSeconds + span.to;
    let from = 0;
    let bin = 0;
    for (let i = 0; i <= samples.length; i += 1) {
      const seconds = samples[i]?.[0] ?? Number.POSITIVE_INFINITY;
      const next = seconds > end ? bins : Math.min(bins - 1, Math.floor((seconds - start) / width));
      if (next === bin && i > 0) continue;
      if (i > from) cells.push({ life, bin, seconds: start + (bin + 0.5) * width, bytes: bytes.subarray(from, i) });
      if (next === bins) break;
      from = i;
      bin = next;
    }
  }
  return { bins, cells: withoutSparse(cells) };
}

function withoutSparse(cells: Binned['cells']): Binned['cells'] {
  const usual = median(cells.map((cell) => cell.bytes.length));
  const dense = cells.filter((cell) => cell.bytes.length >= SPARSE_BIN * usual);
  const ofLife = new Map<number, number>();
  for (const { life } of dense) ofLife.set(life, (ofLife.get(life) ?? 0) + 1);
  return dense.filter(({ life }) => (ofLife.get(life) ?? 0) >= FEWEST_BINS_OF_LIFE);
}

/** The `kind` of level in each bin. */
export function toPoints({ bins, cells }: Binned, kind: 'low' | 'median'): Points {
  const share = kind === 'low' ? LOW : 0.5;
  const gaps = Float64Array.from(cells, ({ life, bin }, i) => {
    const before = cells[i - 1];
    return before === undefined || before.life !== life ? 0 : bin - before.bin;
  });
  return {
    kind,
    bins,
    x: Float64Array.from(cells, ({ bin }) => (bin + 0.5) / bins),
    seconds: Float64Array.from(cells, ({ seconds }) => seconds),
    bytes: Float64Array.from(cells, ({ bytes: cell }) => quantileInPlace(cell, share)),
    gaps,
    isRegular: cells.length === bins && gaps.every((gap, i) => gap === (i === 0 ? 0 : 1)),
  };
}

/** A fall must exceed this share of the level and this many noises to end a tooth. */
const TROUGH_FALL = 0.025;
const TROUGH_NOISES = 6;
const FEWEST_TROUGHS = 6;

/** Levels right after each fall: what a sawtooth (GC, batches) always returns to. Null with fewer than six. */
export function toTroughs(life: Life, span: AgeSpan): Points | null {
  const { samples, startSeconds } = life;
  const bytes = bytesOf(samples);
  const steps = bytes.slice(1);
  for (let i = 0; i < steps.length; i += 1) steps[i] = Math.abs((steps[i] ?? 0) - (bytes[i] ?? 0));
  const level = quantileInPlace(bytes, 0.5);
  const fall = Math.max(TROUGH_FALL * level, TROUGH_NOISES * 1.4826 * quantileInPlace(steps, 0.5));
  const found = troughsOf(samples, fall);
  if (found.length < FEWEST_TROUGHS) return null;
  return {
    kind: 'troughs',
    bins: found.length,
    x: Float64Array.from(found, ([seconds]) => (seconds - startSeconds - span.from) / span.seconds),
    seconds: Float64Array.from(found, ([seconds]) => seconds),
    bytes: Float64Array.from(found, ([, bytes]) => bytes),
    gaps: Float64Array.from(found, (_, i) => (i === 0 ? 0 : 1)),
    isRegular: false,
  };
}

/** Zigzag: lowest samples between rises and falls of at least `fall` bytes. */
function troughsOf(samples: Life['samples'], fall: number): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  let high = samples[0]?.[1] ?? 0;
  let low: readonly [number, number] | null = null;
  for (const sample of samples) {
    if (low === null) {
      high = Math.max(high, sample[1]);
      if (high - sample[1] > fall) low = sample;
    } else if (sample[1] < low[1]) {
      low = sample;
    } else if (sample[1] - low[1] > fall) {
      found.push(low);
      high = sample[1];
      low = null;
    }
  }
  // The last fall ends where it ends: its trough is known once the process grows again by a quarter of a tooth.
  if (low !== null && (samples.at(-1)?.[1] ?? 0) - low[1] > fall / 4) found.push(low);
  return found;
}

/** Level of a set of points, for scaling: their median. */
export function levelOf(points: Points): number {
  return median(points.bytes);
}
