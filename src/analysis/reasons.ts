import { formatBytes, formatDuration, formatRate, formatRatio, formatTimeLeft } from '../units.ts';
import type { Atom } from './atoms.ts';
import type { Blind } from './blind.ts';
import type { DeployFinding } from './deploy.ts';
import { fileShareOfGrowth } from './file-growth.ts';
import type { Model } from './fit.ts';
import type { GrowthFit } from './growth.ts';
import { seenSince } from './lives.ts';
import type { PodFit } from './pods.ts';
import type { SeriesAnalysis, SeriesCase } from './series.ts';
import type { AnalysisSettings } from './settings.ts';
import { isKilledTooOften } from './slo.ts';

/** All that the sentences are made of. */
export type Told = {
  seriesCase: SeriesCase;
  settings: AnalysisSettings;
  worst: PodFit;
  pods: SeriesAnalysis['pods'];
  state: SeriesAnalysis['state'];
  probability: number | null;
  onsetAt: number | null;
  deploy: DeployFinding | null;
  timeToLimit: SeriesAnalysis['timeToLimitSeconds'];
  sloState: SeriesAnalysis['sloState'];
  burn: SeriesAnalysis['burn'];
  blind: Blind | null;
  overBaselineRatio: number | null;
  returnsInQuiet: boolean | null;
};

/** What was seen; the finding that decides comes first. Times are relative: nothing here knows a wall clock. */
export function renderReasons(told: Told): string[] {
  return [
    headline(told),
    fileLine(told),
    podsLine(told),
    deployLine(told),
    limitLine(told),
    burnLine(told),
    sloLine(told),
    quietLine(told),
    blindLine(told),
    modelLine(told),
  ].filter((line) => line !== null);
}

function headline(told: Told): string {
  const { state, worst, seriesCase } = told;
  const { fit } = worst;
  if (fit === null) return `Too few samples to tell growth (${samplesOf(worst)} usable after the start-up)`;
  const rate = `${formatRate(fit.bytesPerHour.estimate)} (95 %: ${formatRate(fit.bytesPerHour.low)} to ${formatRate(fit.bytesPerHour.high)})`;
  switch (state) {
    case 'leak':
      return `Memory grows ${rate}${since(told)}`;
    case 'suspect':
      return `Memory probably grows ${rate}, ${percent(told.probability)} sure`;
    case 'filling':
      return `Memory grows ${rate} towards a level that the healthy release also reached`;
    case 'healthy':
      return `No lasting growth in ${formatDuration(fit.windowSeconds)}: ${rate}`;
    case 'inconclusive':
      return `Watched for ${formatDuration(seriesCase.now - firstSecond(worst, seriesCase.now))}: too short or too unsteady to tell growth from warming up (so far ${rate})`;
  }
}

function since({ onsetAt, seriesCase, deploy, worst }: Told): string {
  if (onsetAt === null) return '';
  // Growing when we began to look at a process that ran already: it may have begun any time before.
  const [life] = worst.current;
  const isOlder = life !== undefined && onsetAt === seenSince(life) && onsetAt > life.startSeconds;
  const duration = ` for ${isOlder ? 'at least ' : ''}the last ${formatDuration(seriesCase.now - onsetAt)}`;
  if (seriesCase.deployAt === null || deploy === null) return duration;
  const after = onsetAt - seriesCase.deployAt;
  if (after < -60) return `${duration}, since before the deploy`;
  return after < 60
    ? `${duration}, from the deploy on`
    : `${duration}, since ${formatDuration(after)} after the deploy`;
}

/** Only of growth: what falls or stays may be anything. */
function fileLine({ state, worst, seriesCase }: Told): string | null {
  if (state !== 'leak' && state !== 'suspect') return null;
  const share = fileShareOfGrowth(worst, seriesCase.now);
  if (share === null || share < 0.2) return null;
  return `${percent(share)} of the growth is not anonymous memory but mapped files, which the kernel takes back, or shared memory`;
}

function podsLine({ pods, worst }: Told): string | null {
  if (pods.length < 2) return null;
  const leaking = pods.filter((pod) => pod.leaking === true).length;
  if (leaking === 0) return `None of ${pods.length} instances leaks for certain; ${worst.pod} grows most`;
  if (leaking === pods.length) return `All ${pods.length} instances grow; ${worst.pod} fastest`;
  return `${leaking} of ${pods.length} instances ${leaking === 1 ? 'grows' : 'grow'}: ${worst.pod}${leaking > 1 ? ' fastest' : ''}`;
}

function deployLine({ deploy, worst }: Told): string | null {
  if (deploy === null) return null;
  const old = deploy.old === null ? '' : ` (before: ${formatRate(deploy.old.bytesPerHour.estimate)})`;
  const shift = deploy.shift === null ? '' : formatRatio(deploy.shift.ratio);
  switch (deploy.cause) {
    case 'too-fresh':
      return `Deployed ${formatDuration(deploy.ageSeconds)} ago: too fresh to judge`;
    case 'new-leak':
      return `Growth came with the deploy: the release before did not leak${old}`;
    case 'faster':
      return `The deploy made growth faster${old}`;
    case 'level':
      return `The deploy raised the level by ${shift}, without lasting growth`;
    case 'old-alike':
      return `The release before grew alike${old}: a rollback would not help`;
    case 'unclear':
      return `It can't be told yet whether growth began with the deploy${old}`;
    case 'no-old-release':
      return 'Nothing of the release before was recorded: whether growth came with the deploy can only be told after a look at it';
    case 'nothing':
      if (deploy.isChangePoint !== true) return 'The deploy changed neither level nor growth';
      return worst.fit !== null && deploy.old !== null && deploy.old.probability > 0.97
        ? `The deploy ended the growth of the release before${old}`
        : `The deploy changed the level by ${shift}, within the budget and without growth`;
  }
}

function limitLine({ timeToLimit, seriesCase, worst }: Told): string | null {
  if (timeToLimit === null || seriesCase.limitBytes === null) return null;
  const { estimate, low, high } = timeToLimit;
  const limit = `the limit of ${formatBytes(seriesCase.limitBytes)}`;
  if ((worst.presentBytes ?? 0) >= seriesCase.limitBytes) {
    return `Holds more than ${limit} already: either it is killed any moment, or the limit is another one`;
  }
  return `Reaches ${limit} in ${formatTimeLeft(estimate)} (95 %: ${formatTimeLeft(low)} to ${formatTimeLeft(high)})`;
}

/** "At least": by the lower end of the interval. */
function burnLine({ burn }: Told): string | null {
  if (burn === null) return null;
  const times = burn.rate < 9.95 ? burn.rate.toFixed(1) : burn.rate.toFixed(0);
  const allowed = `${burn.budget === 'hour' ? 'hourly' : 'daily'} growth budget allows in ${formatDuration(burn.longSeconds)}`;
  return `Has grown at least ${times}x what its ${allowed}`;
}

function sloLine({ sloState, overBaselineRatio, settings, seriesCase, worst }: Told): string | null {
  const over = overBaselineRatio === null ? null : `${formatRatio(overBaselineRatio)} against the healthy level`;
  if (sloState === null || sloState === 'ok') return over === null ? null : `Level is ${over}`;
  const { policy } = settings;
  const budget = sloState === 'critical' ? policy.critical : policy.warning;
  // The level of the worst pod is not what another pod, or the OOM killer, made of the state.
  if (over !== null && overBaselineRatio !== null && overBaselineRatio <= budget.overRatio) {
    const { oomKills, withinSeconds } = policy.critical;
    const isKilled = seriesCase.pods.some((pod) => isKilledTooOften(pod, seriesCase.now, settings));
    if (sloState === 'critical' && isKilled)
      return `Killed for memory ${oomKills} times or more in ${formatDuration(withinSeconds)}; the level of ${worst.pod} is ${over}`;
    return `Over the ${sloState} budget of ${formatRatio(budget.overRatio)} for ${formatDuration(budget.forSeconds)}; ${worst.pod} itself is ${over}`;
  }
  return `Over the ${sloState} budget of ${formatRatio(budget.overRatio)} for ${formatDuration(budget.forSeconds)}${over === null ? ', or killed too often' : `: ${over}`}`;
}

function quietLine({ returnsInQuiet }: Told): string | null {
  if (returnsInQuiet === null) return null;
  return returnsInQuiet
    ? 'In quiet periods memory returns to the level of the first one'
    : 'In quiet periods memory no longer returns to the level of the first one';
}

function blindLine({ blind }: Told): string | null {
  if (blind === null) return null;
  return `RSS can't see growth below the peak of ${formatBytes(blind.peakBytes)} of ${formatDuration(blind.agoSeconds)} ago: the process may reuse what it freed`;
}

function modelLine({ worst }: Told): string | null {
  if (worst.fit === null) return null;
  const [first, second] = byShape(worst.fit);
  if (first === undefined) return null;
  const runnerUp = second === undefined ? '' : `; next ${second.words} (${percent(second.weight)})`;
  return `Best description: ${first.words} (${percent(first.weight)})${runnerUp}; ${worst.fit.points.gaps.length} ${KINDS[worst.fit.points.kind]}`;
}

const KINDS = { low: 'envelope points', median: 'medians', troughs: 'troughs' } as const;

/** The average by kind of description, heaviest first. */
function byShape(fit: GrowthFit): { words: string; weight: number }[] {
  const weights = new Map<string, number>();
  for (const model of fit.models) {
    const words = wordsOf(model);
    weights.set(words, (weights.get(words) ?? 0) + model.weight);
  }
  return [...weights].map(([words, weight]) => ({ words, weight })).toSorted((a, b) => b.weight - a.weight);
}

const SHAPES: Readonly<Record<Atom['shape'], string>> = {
  'warm-up': 'warming up',
  'ramp-then-flat': 'growth that ended',
  step: 'a step',
  line: 'steady growth',
  traffic: 'growth with every request',
  hinge: 'growth that began later',
};

function wordsOf({ first, second, firstSize, secondSize }: Model): string {
  const words = (atom: Atom, size: number) =>
    size < 0 && atom.shape !== 'step' ? `less of ${SHAPES[atom.shape]}` : SHAPES[atom.shape];
  if (first === null) return 'a constant level';
  if (second === null) return words(first, firstSize);
  const parts = [words(first, firstSize), words(second, secondSize)];
  return parts[0] === parts[1] ? `two of ${parts[0] ?? ''}` : parts.join(' and ');
}

function percent(share: number | null): string {
  if (share === null) return 'not';
  if (share > 0.995) return 'over 99 %';
  return share < 0.005 ? 'under 1 %' : `${Math.round(share * 100)} %`;
}

function firstSecond(pod: PodFit, now: number): number {
  const [life] = pod.current;
  return life === undefined ? (pod.series.samples[0]?.[0] ?? now) : seenSince(life);
}

function samplesOf(pod: PodFit): number {
  return pod.current.reduce((sum, life) => sum + life.samples.length, 0);
}
