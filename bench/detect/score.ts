import { quantile } from '../../src/analysis/quantiles.ts';
import type { Interval, SeriesAnalysis } from '../../src/analysis/series.ts';
import type { LabelledCase } from './generate.ts';

/** What a detector says; peers leave out what they can't say. */
export type Answer = Pick<SeriesAnalysis, 'leaking'> & {
  pod: string | null;
  bytesPerHour: Interval | null;
  timeToLimit: Interval | null;
  analysis: SeriesAnalysis | null;
};

export type Score = {
  cases: number;
  falseAlarms: number;
  healthy: number;
  missed: number;
  leaks: number;
  f1: number;
  rateErrors: number[];
  rateCovered: boolean[];
  rateWidths: number[];
  limitErrors: number[];
  limitCovered: boolean[];
  rollback: { right: number; all: number; healthyRolledBack: number; leaksPassed: number };
  changePoint: { right: number; all: number };
  quiet: { right: number; all: number };
  slo: { right: number; all: number };
  /** What went wrong, a line a case. */
  wrong: string[];
};

/** An OOM sooner than this is judged by its absolute error. */
const SOON_SECONDS = 900;

export function score(cases: readonly LabelledCase[], answers: readonly Answer[]): Score {
  const total: Score = {
    cases: cases.length,
    falseAlarms: 0,
    healthy: 0,
    missed: 0,
    leaks: 0,
    f1: 0,
    rateErrors: [],
    rateCovered: [],
    rateWidths: [],
    limitErrors: [],
    limitCovered: [],
    rollback: { right: 0, all: 0, healthyRolledBack: 0, leaksPassed: 0 },
    changePoint: { right: 0, all: 0 },
    quiet: { right: 0, all: 0 },
    slo: { right: 0, all: 0 },
    wrong: [],
  };
  for (const [i, labelled] of cases.entries()) {
    const answer = answers[i];
    if (answer === undefined) continue;
    const wrong = [
      scoreDetection(total, labelled, answer),
      scoreRate(total, labelled, answer),
      scoreLimit(total, labelled, answer),
      scoreVerdicts(total, labelled, answer),
    ].filter((line) => line !== '');
    if (wrong.length > 0) {
      const p = answer.analysis?.probability?.toFixed(3) ?? '-';
      total.wrong.push(
        `${(labelled.seriesCase.name ?? '').padEnd(34)} p ${p} ${answer.analysis?.state ?? ''}: ${wrong.join('; ')} | ${answer.analysis?.reasons.at(-1) ?? ''}`,
      );
    }
  }
  const found = total.leaks - total.missed;
  total.f1 = (2 * found) / (2 * found + total.falseAlarms + total.missed);
  return total;
}

function scoreDetection(total: Score, { truth }: LabelledCase, { leaking, analysis }: Answer): string {
  if (!truth.scored.detect) return '';
  if (truth.label === 'leak') {
    total.leaks += 1;
    if (leaking === true) return '';
    total.missed += 1;
    return 'MISSED';
  }
  total.healthy += 1;
  if (leaking !== true) return analysis?.state === 'suspect' ? 'suspected' : '';
  total.falseAlarms += 1;
  return 'FALSE ALARM';
}

function scoreRate(total: Score, { truth }: LabelledCase, { bytesPerHour, pod }: Answer): string {
  if (!truth.scored.rate || bytesPerHour === null) return '';
  const own = pod === null ? undefined : truth.bytesPerHour[pod];
  const expected = own === undefined || own <= 0 ? Math.max(...Object.values(truth.bytesPerHour)) : own;
  const { estimate, low, high } = bytesPerHour;
  const error = Math.abs(estimate / expected - 1);
  const covered = expected >= low && expected <= high;
  total.rateErrors.push(error);
  total.rateCovered.push(covered);
  total.rateWidths.push((high - low) / expected);
  const wide = `[${(low / expected).toFixed(2)}, ${(high / expected).toFixed(2)}]`;
  return error > 0.2 || !covered ? `rate x${(estimate / expected).toFixed(2)} ${wide}` : '';
}

function scoreLimit(total: Score, { truth, seriesCase }: LabelledCase, { timeToLimit, leaking }: Answer): string {
  if (!truth.scored.oom || truth.oomAtSeconds === null || leaking !== true || timeToLimit === null) return '';
  const expected = truth.oomAtSeconds - seriesCase.now;
  const error = Math.abs(timeToLimit.estimate - expected) / Math.max(SOON_SECONDS, expected);
  const covered = expected >= timeToLimit.low && expected <= timeToLimit.high;
  total.limitErrors.push(error);
  total.limitCovered.push(covered);
  const { low, high, estimate } = timeToLimit;
  const wide = `[${(low / expected).toFixed(2)}, ${(high / expected).toFixed(2)}]`;
  return error > 0.3 || !covered ? `limit x${(estimate / expected).toFixed(2)} ${wide}` : '';
}

function scoreVerdicts(total: Score, { truth }: LabelledCase, { analysis }: Answer): string {
  if (analysis === null) return '';
  const wrong: string[] = [];
  const check = (
    name: 'rollback' | 'changePoint' | 'quiet' | 'slo',
    said: boolean | string | null,
    expected: boolean | string | null,
  ) => {
    if (expected === null) return;
    total[name].all += 1;
    if (said === expected) total[name].right += 1;
    else wrong.push(`${name} ${String(said)}, not ${String(expected)}`);
  };
  const rollback = analysis.deploy?.rollback ?? null;
  check('rollback', rollback, truth.rollback);
  if (rollback === 'yes' && truth.label === 'healthy') total.rollback.healthyRolledBack += 1;
  if (rollback === 'no' && truth.rollback === 'yes') total.rollback.leaksPassed += 1;
  check('changePoint', analysis.deploy?.isChangePoint ?? null, truth.isChangePoint);
  check('quiet', analysis.returnsInQuiet, truth.returnsInQuiet);
  check('slo', analysis.sloState, truth.sloState);
  return wrong.join('; ');
}

/** The figures as one line a detector. */
export function renderScore(name: string, it: Score): string {
  const share = (part: number, all: number) => (all === 0 ? '-' : `${((100 * part) / all).toFixed(1)} %`);
  const covered = (flags: readonly boolean[]) => share(flags.filter(Boolean).length, flags.length);
  const at = (values: readonly number[], q: number) =>
    values.length === 0 ? '-' : `${(100 * quantile(values, q)).toFixed(1)} %`;
  const verdict = ({ right, all }: { right: number; all: number }) => (all === 0 ? '-' : `${right}/${all}`);
  const { rollback } = it;
  return [
    name.padEnd(30),
    `F1 ${it.f1.toFixed(3)}`,
    `false alarms ${it.falseAlarms}/${it.healthy} (${share(it.falseAlarms, it.healthy)})`,
    `recall ${share(it.leaks - it.missed, it.leaks)}`,
    `rate error ${at(it.rateErrors, 0.5)} p90 ${at(it.rateErrors, 0.9)}`,
    `covers ${covered(it.rateCovered)} width ${it.rateWidths.length === 0 ? '-' : quantile(it.rateWidths, 0.5).toFixed(2)}`,
    `limit error ${at(it.limitErrors, 0.5)} p90 ${at(it.limitErrors, 0.9)} covers ${covered(it.limitCovered)}`,
    `rollback ${verdict(rollback)} (healthy ${rollback.healthyRolledBack}, passed ${rollback.leaksPassed})`,
    `change ${verdict(it.changePoint)}  quiet ${verdict(it.quiet)}  slo ${verdict(it.slo)}`,
  ].join('  ');
}
