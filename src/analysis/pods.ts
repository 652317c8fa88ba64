import { fitGrowth, type GrowthFit } from './growth.ts';
import { cleanSamples, type Life, medianStep, toLives } from './lives.ts';
import { quantile } from './quantiles.ts';
import type { PodSeries, SeriesCase } from './series.ts';
import type { AnalysisSettings } from './settings.ts';
import type { Traffic } from './traffic.ts';

/** One pod: its lives of the present release and of the one before, and how each grew. */
export type PodFit = {
  pod: string;
  series: PodSeries;
  current: readonly Life[];
  previous: readonly Life[];
  fit: GrowthFit | null;
  /** Growth of the release before, fitted apart; null without a deploy. */
  previousFit: GrowthFit | null;
  /** Level of the recent samples, bytes; null without any. */
  presentBytes: number | null;
  /** Seconds since the running process started, as far as known. */
  ageSeconds: number | null;
};

/** A restart this long before the recorded deploy time belongs to it: clocks and scrape steps differ. In steps. */
const DEPLOY_SLACK_STEPS = 3;

export function fitPod(
  series: PodSeries,
  seriesCase: SeriesCase,
  traffic: Traffic | null,
  settings: AnalysisSettings,
): PodFit {
  const { now, deployAt } = seriesCase;
  const lives = toLives(series, now, deployAt === null ? [] : [deployAt], settings);
  const currentFrom = deployAt === null ? Number.NEGATIVE_INFINITY : deployAt - slackOf(series, now);
  const isCurrent = (life: Life) => life.startSeconds >= currentFrom;
  const current = lives.filter(isCurrent);
  const previous = previousRelease(lives.filter((life) => !isCurrent(life)));
  const running = lives.at(-1) ?? null;
  return {
    pod: series.pod,
    series,
    current,
    previous,
    fit: fitGrowth(current, traffic, settings),
    previousFit: fitGrowth(previous, traffic, settings),
    presentBytes: running === null ? null : presentLevel(running, now, settings.recentSeconds),
    ageSeconds: running === null ? null : now - running.startSeconds,
  };
}

/** Seconds. */
function slackOf({ samples }: PodSeries, now: number): number {
  return DEPLOY_SLACK_STEPS * (medianStep(cleanSamples(samples, now)) || 0);
}

/** Of all earlier lives those of the release just before: from its own deploy on. */
function previousRelease(earlier: readonly Life[]): readonly Life[] {
  const from = earlier.findLastIndex((life) => life.startReason === 'deploy');
  return from < 0 ? earlier : earlier.slice(from);
}

function presentLevel(life: Life, now: number, recentSeconds: number): number | null {
  const span = Math.min(recentSeconds, (life.endSeconds - life.startSeconds) / 12);
  const recent = life.samples.filter(([seconds]) => seconds >= now - Math.max(span, 1e-9));
  const bytes = (recent.length > 0 ? recent : life.samples.slice(-3)).map((sample) => sample[1]);
  return bytes.length === 0 ? null : quantile(bytes, 0.5);
}

/**
 * The pod with the most certain growth; among the certain ones the fastest. Its probability is held to the number
 * of pods after Sidak: the chance that one of m healthy pods looks this bad is 1 - p^m.
 */
export function worstPod(pods: readonly PodFit[]): { pod: PodFit; probability: number | null } | null {
  const certain = (pod: PodFit) => pod.fit?.probability ?? -1;
  const rate = (pod: PodFit) => pod.fit?.bytesPerHour.estimate ?? Number.NEGATIVE_INFINITY;
  const isWorse = (a: PodFit, b: PodFit) =>
    Math.min(certain(a), CERTAIN) - Math.min(certain(b), CERTAIN) || rate(a) - rate(b) || (a.pod < b.pod ? 1 : -1);
  const pod = pods.reduce<PodFit | null>(
    (worst, next) => (worst === null || isWorse(next, worst) > 0 ? next : worst),
    null,
  );
  if (pod === null) return null;
  const judged = pods.filter(({ fit }) => fit !== null).length;
  return { pod, probability: pod.fit === null ? null : pod.fit.probability ** judged };
}

/** From here on pods are compared by rate: the differences left are rounding. */
const CERTAIN = 0.995;
