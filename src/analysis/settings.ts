import { baselineWindowSeconds, type Policy } from './policy.ts';

/** Every number that decides, as data. Ratios are of the fitted level, probabilities 0..1, times in seconds. */
export type AnalysisSettings = {
  policy: Policy;
  /** Dropped after each start: imports and first requests are no growth. A fifth of the warm-up, 3 min by default. */
  startUpSeconds: number;
  /**
   * A release or process younger than this can't be judged: three warm-ups, 45 min by default. Below it a healthy
   * cache fill and a leak have the same shape (measured on fresh deploys of both kinds).
   */
  tooFreshSeconds: number;
  /**
   * Growth of a release watched for less than this, with no healthy one to compare with, is suspect at most: six
   * warm-ups, 1 h 30 min by default. A cache that fills in its first hour can't be told from a leak.
   */
  matureSeconds: number;
  /** Fewer samples after the start-up than this carry no interval: 14 bins is the coarsest series that is fitted. */
  fewestSamples: number;
  /** Above: leak (page, rollback advice). 0.4 % false alarms on fresh healthy series (docs/detection.md). */
  leakProbability: number;
  /** Above: suspect (ticket, look inside). */
  suspectProbability: number;
  /** Between this and `leakProbability` a rollback needs more evidence; below it there is nothing to roll back. */
  unclearProbability: number;
  /** Below: the release before did not leak, so that growth belongs to the new one. */
  oldReleaseLeakProbability: number;
  /** Growth that counts: an hour. Real processes creep on by 0.1 %/h for days after filling a cache (fragmentation). */
  leakRatioPerHour: number;
  /** Growth that counts over a whole life: below 2 % a line can't be told from allocator noise. */
  leakRatioPerLife: number;
  /** The same of a life that has only begun: creep with the logarithm of age is fastest then. Falls to the above. */
  leakRatioPerYoungLife: number;
  /** Until this age. */
  youngSeconds: number;
  /** The threshold of pooled lives shrinks by the root of their number, up to this one: they are alike, not independent. */
  mostPooledLives: number;
  /** New growth this much faster than the old release's, with disjoint intervals, began with the deploy: 1 / 0.7. */
  growthFactorOfDeploy: number;
  /** A level this much above the old release's is a reason to roll back by itself: the critical budget. */
  levelRatioOfRollback: number;
  /** A level shift that counts as a change point: 2.5 %, above what two starts of one release differ by. */
  levelRatioOfChange: number;
  /** At or under this multiple of the healthy profile's upper quartile, growth is filling what is known to fill. */
  fillingRatio: number;
  /** Quiet levels within this of each other count as "returned" (README of the labelled set: 3.5 %). */
  quietReturnRatio: number;
  /** The moment's level: samples of the last hour, or of a life's last twelfth where lives are short. */
  recentSeconds: number;
  /** Reaction time of on-call: an interval to the limit that starts below it is critical by itself. */
  reactionSeconds: number;
  baselineWindowSeconds: number;
};

/** Settings of a policy. Absolute times follow the policy's warm-up, so that short windows work alike. */
export function settingsFrom(policy: Policy): AnalysisSettings {
  return {
    policy,
    startUpSeconds: policy.warmUpSeconds / 5,
    tooFreshSeconds: policy.warmUpSeconds * 3,
    matureSeconds: policy.warmUpSeconds * 6,
    fewestSamples: 14,
    leakProbability: 0.92,
    suspectProbability: 0.75,
    unclearProbability: 0.6,
    oldReleaseLeakProbability: 0.9,
    leakRatioPerHour: 0.0015,
    leakRatioPerLife: 0.02,
    leakRatioPerYoungLife: 0.04,
    youngSeconds: policy.warmUpSeconds * 16,
    mostPooledLives: 4,
    growthFactorOfDeploy: 1 / 0.7,
    levelRatioOfRollback: policy.critical.overRatio,
    levelRatioOfChange: 0.025,
    fillingRatio: 1.015,
    quietReturnRatio: 0.035,
    recentSeconds: policy.warmUpSeconds * 4,
    reactionSeconds: policy.warmUpSeconds * 4,
    baselineWindowSeconds: baselineWindowSeconds(policy),
  };
}
