/** The memory SLO of a service. Times in seconds, ratios as 0.15 = 15 %. Defaults are those of the product. */
export type Policy = {
  warning: { overRatio: number; forSeconds: number };
  critical: { overRatio: number; forSeconds: number; oomKills: number; withinSeconds: number };
  /** Allowed growth as a ratio of the baseline. */
  growth: { perHourRatio: number; perDayRatio: number };
  /** After a start, not counted. */
  warmUpSeconds: number;
};

export const DEFAULT_POLICY: Policy = {
  warning: { overRatio: 0.15, forSeconds: 1800 },
  critical: { overRatio: 0.3, forSeconds: 1800, oomKills: 2, withinSeconds: 3600 },
  growth: { perHourRatio: 0.01, perDayRatio: 0.05 },
  warmUpSeconds: 900,
};

/**
 * Ratio of the long to the short window of an alert pair, after the SRE workbook's multiwindow alerts
 * ("the short window is 1/12 of the long one", sre.google/workbook/alerting-on-slos).
 */
export const LONG_TO_SHORT_WINDOW = 12;

/**
 * How long a release must stay within its budget, warm-up left out, before it becomes the baseline:
 * the long window that belongs to the warning's short one. 6 h with the default 30 min.
 */
export function baselineWindowSeconds(policy: Policy): number {
  return policy.warning.forSeconds * LONG_TO_SHORT_WINDOW;
}

/** One pair of windows of the allowed growth. `ratio` of the baseline is allowed in `perHours`. */
export type BurnWindow = {
  budget: 'hour' | 'day';
  ratio: number;
  perHours: number;
  longSeconds: number;
  shortSeconds: number;
  /** Burnt for so long that somebody must be called; the other pairs are for working hours. */
  isSustained: boolean;
};

/**
 * The pairs of the SRE workbook (sre.google/workbook/alerting-on-slos, "multiwindow, multi-burn-rate alerts"): 6 h and
 * 30 min, 1 h and 5 min for the hourly budget, 1 d and 2 h (a ticket there too) for the daily one, with the default
 * `warning.for` of 30 min, and in proportion to it. Its factors of 14.4, 6 and 3 are shares of a 30-day error budget:
 * allowed growth is a rate already, so a pair burns from 1 on. In order of what is told first.
 */
export function burnWindows(policy: Policy): readonly BurnWindow[] {
  const unit = policy.warning.forSeconds;
  const hour = { budget: 'hour', ratio: policy.growth.perHourRatio, perHours: 1 } as const;
  const day = { budget: 'day', ratio: policy.growth.perDayRatio, perHours: 24 } as const;
  const pair = (longSeconds: number) => ({ longSeconds, shortSeconds: longSeconds / LONG_TO_SHORT_WINDOW });
  return [
    { ...hour, ...pair(12 * unit), isSustained: true },
    { ...hour, ...pair(2 * unit), isSustained: false },
    { ...day, ...pair(48 * unit), isSustained: false },
  ];
}
