import { fitGrowth, type GrowthFit } from './growth.ts';
import { type BurnWindow, burnWindows } from './policy.ts';
import type { Burn } from './series.ts';
import type { AnalysisSettings } from './settings.ts';
import type { Traffic } from './traffic.ts';

/** Told at most: a budget of nothing burns infinitely fast. */
const FASTEST = 1000;
/** A short window ends a burn when it excludes growth of this share of what the long one is sure of. */
const STILL_BURNS = 0.5;

/**
 * Burn rate of the allowed growth, after the SRE workbook's multiwindow alerts: growth in a long window over what the
 * policy allows in it, 2 = twice as much. Growth is the lower end of the 95 % interval for as long as it has been
 * going on, so that a leak of an hour has burned a sixth of six hours. A pair burns from 1 on, unless the short
 * window excludes that it still goes on. (30 min know a slope only to 1 % of the level an hour: they can refute fast
 * growth, and prove none.) The first pair of `burnWindows` that burns is told; null when none does.
 *
 * `budgetBytes`: the baseline that the policy's ratios are of. `onsetAt`, `now`: case seconds.
 */
export function burnOf(
  fit: GrowthFit,
  given: { budgetBytes: number; onsetAt: number; now: number; traffic: Traffic | null },
  settings: AnalysisSettings,
): Burn | null {
  const { low } = fit.bytesPerHour;
  for (const window of burnWindows(settings.policy)) {
    const allowed = (window.ratio * given.budgetBytes) / window.perHours;
    const share = Math.min(1, (given.now - given.onsetAt) / window.longSeconds);
    const rate = Math.min(FASTEST, (low / allowed) * share);
    if (!(rate >= 1) || hasEnded(fit, window, given, settings)) continue;
    const { budget, longSeconds, shortSeconds, isSustained } = window;
    return { budget, longSeconds, shortSeconds, rate, isSustained };
  }
  return null;
}

/** Fitted by itself; too few samples refute nothing. */
function hasEnded(
  { lives, bytesPerHour }: GrowthFit,
  { shortSeconds }: BurnWindow,
  { now, traffic }: { now: number; traffic: Traffic | null },
  settings: AnalysisSettings,
): boolean {
  const running = lives.at(-1);
  if (running === undefined) return false;
  const samples = running.samples.filter(([seconds]) => seconds > now - shortSeconds);
  const recent = fitGrowth([{ ...running, samples }], traffic, settings);
  return recent !== null && recent.bytesPerHour.high < STILL_BURNS * bytesPerHour.low;
}
