/** What the analysis reads: recorded RSS of one service, as numbers on one time axis. Pure data. */

/** `[seconds, rssBytes]`; seconds on the case's own axis (epoch or since start, it does not matter). */
export type Sample = readonly [seconds: number, rssBytes: number];

/** `[seconds, reason]`; known reasons: `deploy`, `recycle`, `oom`, `restart`. */
export type Restart = readonly [seconds: number, reason: string];

/** One instance slot (a pod, or a process and those that replaced it). Samples in increasing time. */
export type PodSeries = {
  pod: string;
  samples: readonly Sample[];
  restarts: readonly Restart[];
  /** Of the same memory, where smaps were read, in increasing time and as seldom as may be. Bytes. */
  smaps?: readonly (readonly [seconds: number, rssBytes: number, anonymousBytes: number])[];
};

export type SeriesCase = {
  name: string | null;
  /** Seconds, same axis as the samples: the moment of the verdict. */
  now: number;
  pods: readonly PodSeries[];
  limitBytes: number | null;
  /** Seconds: the latest deploy inside the window, or null. */
  deployAt: number | null;
  /** `[seconds, relativeRate]`, or null when traffic is not known. */
  traffic: readonly (readonly [seconds: number, relativeRate: number])[] | null;
  /** `[ageSeconds, rssBytes]` of a healthy earlier release, by age of the process, or null. */
  baseline: readonly Sample[] | null;
  /** The baseline is of the release that runs: of the one before it, it says nothing. Absent: it is of an earlier one. */
  isOwnBaseline?: boolean;
  /** The memory SLO's baseline target in bytes, or null. */
  sloBaselineBytes: number | null;
};

/** A 95 % interval. Same unit as the estimate. */
export type Interval = { estimate: number; low: number; high: number };

/** Growth of the worst pod. Bytes per hour, with a 95 % interval, over the window that was used. */
export type Growth = { bytesPerHour: number; low: number; high: number; windowSeconds: number; samples: number };

export type Verdict = 'healthy' | 'warning' | 'critical' | 'inconclusive';

/**
 * `healthy`; `filling` (grows, but towards a level that a healthy release also reached); `suspect`
 * (ticket, look inside); `leak` (page, rollback advice); `inconclusive` (the data can't carry an answer).
 */
export type MemoryState = 'healthy' | 'filling' | 'suspect' | 'leak' | 'inconclusive';

/** Growth over what the policy allows, in a pair of windows; `rate` 2 = twice as much as allowed in the long one. */
export type Burn = {
  /** Allowed growth an hour, or a day. */
  budget: 'hour' | 'day';
  longSeconds: number;
  shortSeconds: number;
  rate: number;
  /** Over the longest window of the hourly budget: what pages. */
  isSustained: boolean;
};

/** Findings of one case. What can't be told is null, never 0. */
export type SeriesAnalysis = {
  verdict: Verdict;
  state: MemoryState;
  leaking: boolean | null;
  /** Probability of a leak in the worst pod, 0..1. */
  probability: number | null;
  /** The worst pod. */
  pod: string | null;
  pods: readonly { pod: string; probability: number | null; leaking: boolean | null }[];
  growth: Growth | null;
  timeToLimitSeconds: Interval | null;
  onset: { atSeconds: number } | null;
  deploy: { isChangePoint: boolean | null; rollback: 'yes' | 'no' | 'need-more-evidence' } | null;
  returnsInQuiet: boolean | null;
  sloState: 'ok' | 'warning' | 'critical' | null;
  /** A leak that grows by more than the policy allows; null: no leak for certain, or within the budget. */
  burn: Burn | null;
  /** Present level of the worst pod over the baseline target, 0.42 = 42 % above; null without a baseline. */
  overBaselineRatio: number | null;
  /** What was seen, plain sentences. First one: the finding that decides. */
  reasons: readonly string[];
  /** What else it could be, and what data would decide. Plain sentences. */
  wouldChange: readonly string[];
};
