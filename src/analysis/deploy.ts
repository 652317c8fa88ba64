import type { GrowthFit } from './growth.ts';
import { isFilling, type LevelShift, levelShift } from './level.ts';
import type { PodFit } from './pods.ts';
import type { SeriesAnalysis, SeriesCase } from './series.ts';
import type { AnalysisSettings } from './settings.ts';

/** What the latest deploy did to memory. */
export type DeployFinding = NonNullable<SeriesAnalysis['deploy']> & {
  ageSeconds: number;
  old: GrowthFit | null;
  shift: LevelShift | null;
  cause: 'too-fresh' | 'new-leak' | 'faster' | 'level' | 'old-alike' | 'unclear' | 'nothing' | 'no-old-release';
};

/** An effect this clear (Cliff's delta) is a shift and not noise: 80 % of pairs on one side. */
const CLEAR_EFFECT = 0.6;

/**
 * Old and new release fitted apart. Rollback when the new one leaks and the old did not (or grew clearly slower),
 * or its level is beyond the critical budget; not when the old one grew alike; else more evidence.
 */
export function judgeDeploy(
  worst: { pod: PodFit; probability: number | null },
  seriesCase: SeriesCase,
  settings: AnalysisSettings,
): DeployFinding | null {
  const { deployAt, now } = seriesCase;
  if (deployAt === null) return null;
  const { pod, probability } = worst;
  const old = pod.previousFit;
  const shift = levelShift(pod.current, pod.previous);
  const ageSeconds = now - deployAt;
  const told = { ageSeconds, old, shift };
  if (ageSeconds < settings.tooFreshSeconds || pod.fit === null || probability === null) {
    return { isChangePoint: null, rollback: 'need-more-evidence', cause: 'too-fresh', ...told };
  }
  const filling = isFilling(pod, seriesCase, settings);
  const cause = causeOf({ fit: pod.fit, probability: filling ? 0 : probability, ...told }, seriesCase, settings);
  const rollback = ROLLBACK[cause];
  return { isChangePoint: changePoint(cause, pod.fit, { old, shift }, settings), rollback, cause, ...told };
}

const ROLLBACK = {
  'too-fresh': 'need-more-evidence',
  'new-leak': 'yes',
  faster: 'yes',
  level: 'yes',
  'old-alike': 'no',
  unclear: 'need-more-evidence',
  nothing: 'no',
  'no-old-release': 'need-more-evidence',
} as const;

function causeOf(
  seen: { fit: GrowthFit; probability: number; old: GrowthFit | null; shift: LevelShift | null },
  seriesCase: SeriesCase,
  settings: AnalysisSettings,
): DeployFinding['cause'] {
  const { fit, probability, old, shift } = seen;
  if (probability > settings.leakProbability) {
    const isOldHealthy = seriesCase.baseline !== null && seriesCase.isOwnBaseline !== true;
    if (old === null) return isOldHealthy ? 'new-leak' : 'no-old-release';
    if (old.probability < settings.oldReleaseLeakProbability) return 'new-leak';
    return isFaster(fit, old, settings) ? 'faster' : 'old-alike';
  }
  const oldIsFlat = old !== null && old.probability < settings.oldReleaseLeakProbability;
  if (oldIsFlat && shift !== null && shift.ratio > settings.levelRatioOfRollback && shift.delta > CLEAR_EFFECT) {
    return 'level';
  }
  if (probability <= settings.unclearProbability) return 'nothing';
  return old !== null && !oldIsFlat ? 'old-alike' : 'unclear';
}

function isFaster(fit: GrowthFit, old: GrowthFit, settings: AnalysisSettings): boolean {
  const a = fit.bytesPerHour;
  const b = old.bytesPerHour;
  return a.low > b.high && a.estimate > settings.growthFactorOfDeploy * b.estimate;
}

function changePoint(
  cause: DeployFinding['cause'],
  fit: GrowthFit,
  { old, shift }: { old: GrowthFit | null; shift: LevelShift | null },
  settings: AnalysisSettings,
): boolean | null {
  if (cause === 'new-leak' || cause === 'faster' || cause === 'level') return true;
  if (old === null) return null;
  if (old.probability > settings.leakProbability) {
    const slower = { ...fit, probability: 1 };
    return fit.probability < settings.unclearProbability || isFaster(old, slower, settings);
  }
  if (cause === 'unclear' || shift === null) return null;
  return Math.abs(shift.ratio) > settings.levelRatioOfChange && Math.abs(shift.delta) > CLEAR_EFFECT;
}
