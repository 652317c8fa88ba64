import { cleanSamples, firstFrom } from './lives.ts';
import type { PodSeries, Sample, SeriesAnalysis, SeriesCase } from './series.ts';
import type { AnalysisSettings } from './settings.ts';

export type SloState = NonNullable<SeriesAnalysis['sloState']>;

/** "Sustained": this share of a window's samples is over the threshold. One scrape may miss. */
const SUSTAINED = 0.9;
/** Fewer counted samples in the window can't carry a state. */
const FEWEST_SAMPLES = 3;

const SEVERITY = { ok: 0, warning: 1, critical: 2 } as const;

/**
 * The memory SLO of the worst pod: `critical` when 90 % of the samples of `critical.for` are more than
 * `critical.over` above the target, or the pod had `oomKills` kills `within`; `warning` alike. The warm-up after a
 * known start is not counted. Null where no pod can be judged.
 */
export function sloStateOf(seriesCase: SeriesCase, settings: AnalysisSettings): SloState | null {
  let worst: SloState | null = null;
  for (const pod of seriesCase.pods) {
    const state = podState(pod, seriesCase, settings);
    if (state !== null && (worst === null || SEVERITY[state] > SEVERITY[worst])) worst = state;
  }
  return worst;
}

/** By the policy's OOM kills, in one pod. */
export function isKilledTooOften({ restarts }: PodSeries, now: number, { policy }: AnalysisSettings): boolean {
  const { oomKills, withinSeconds } = policy.critical;
  const kills = restarts.filter(([t, reason]) => reason === 'oom' && t > now - withinSeconds && t <= now);
  return kills.length >= oomKills;
}

function podState(pod: PodSeries, { now, sloBaselineBytes }: SeriesCase, settings: AnalysisSettings): SloState | null {
  const { warning, critical, warmUpSeconds } = settings.policy;
  if (isKilledTooOften(pod, now, settings)) return 'critical';
  if (sloBaselineBytes === null || !(sloBaselineBytes > 0)) return null;
  const samples = cleanSamples(pod.samples, now);
  const isWarm = ([seconds]: Sample) =>
    !pod.restarts.some(([start]) => seconds >= start && seconds < start + warmUpSeconds);
  const isOver = (overRatio: number, forSeconds: number): boolean | null => {
    const recent = samples
      .slice(firstFrom(samples, now - forSeconds))
      .filter((sample) => sample[0] > now - forSeconds && isWarm(sample));
    if (recent.length < FEWEST_SAMPLES) return null;
    const over = recent.filter(([, bytes]) => bytes > (1 + overRatio) * sloBaselineBytes);
    return over.length >= SUSTAINED * recent.length;
  };
  if (isOver(critical.overRatio, critical.forSeconds) === true) return 'critical';
  const warns = isOver(warning.overRatio, warning.forSeconds);
  if (warns === null) return null;
  return warns ? 'warning' : 'ok';
}
