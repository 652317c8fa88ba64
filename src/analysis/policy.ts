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
