/** What a report says is to be done, in words: its headline, and why, what and what else. */
import type { Report } from './report.ts';
import { escapeMrkdwn } from './slack-blocks.ts';
import { culpritPhrase } from './slack-figures.ts';

/** Longest list of reasons on the root; the thread has all of them. */
const REASONS_SHOWN = 3;

/** Label and text of each line, escaped. */
export function adviceOf(report: Report): readonly [string, string][] {
  const { recommendation } = report;
  const culprit = culpritPhrase(report);
  return [
    ['Why', sentences(recommendation.reasons) || 'no reason was given'],
    ...(culprit === null ? [] : [['Inside', escapeMrkdwn(culprit)] satisfies [string, string]]),
    ['Do', `${escapeMrkdwn(nextAction(report))} (confidence ${recommendation.confidence})`],
    ...movesLine(report),
    ['Would change this', sentences(recommendation.wouldChange) || 'nothing known'],
    ...notMeasured(report),
  ];
}

/** The verdict as the root begins, never by colour alone. Plain text, not yet escaped. */
export function headline({ verdict, recommendation }: Report): { sign: string; words: string } {
  const sign = { healthy: '🟢', warning: '🟠', critical: '🔴', inconclusive: '🟠' }[verdict];
  const { action, from, to } = recommendation;
  switch (action) {
    case 'rollback':
      return { sign: '🔴', words: `ROLL BACK recommended${releases(from, to)}` };
    case 'restart':
      return { sign, words: 'RESTART recommended' };
    case 'raise-limit':
      return { sign, words: 'RAISE THE LIMIT recommended' };
    case 'investigate':
    case 'none':
      return { sign, words: verdictWords(verdict) };
  }
}

const MOVE_SIGNS = { green: '✅', amber: '⚠️', red: '⛔' } as const;

/** What can be done until somebody is at work: `✅ add 2 instances: buys about 6 h (undone by …)`. */
function movesLine({ moves = [] }: Report): [string, string][] {
  if (moves.length === 0) return [];
  const lines = moves.map(
    ({ name, gain, state, guard }, i) =>
      `${i + 1}. ${MOVE_SIGNS[state]} ${escapeMrkdwn(name, 100)}: ${escapeMrkdwn(gain)} (${escapeMrkdwn(guard)})`,
  );
  return [
    [
      'Safe now',
      `${lines.some((line) => line.includes('⛔')) ? 'not what is marked ⛔' : 'in this order'}\n${lines.join('\n')}`,
    ],
  ];
}

function verdictWords(verdict: Report['verdict']): string {
  switch (verdict) {
    case 'healthy':
      return 'HEALTHY';
    case 'warning':
      return 'WATCH (warning)';
    case 'critical':
      return 'INVESTIGATE NOW (critical)';
    case 'inconclusive':
      return "CAN'T TELL";
  }
}

function nextAction({ verdict, recommendation: { action, from, to } }: Report): string {
  switch (action) {
    case 'rollback':
      return `roll back${releases(from, to) || ' to the release before'}`;
    case 'restart':
      return 'restart the instances one by one; it buys time and is not a fix';
    case 'raise-limit':
      return 'raise the memory limit; the growth has another cause than a leak';
    case 'investigate':
      return 'look at the evidence in this thread before anything is changed';
    case 'none':
      return verdict === 'inconclusive'
        ? 'cure what was not measured and ask again; nothing is advised until then'
        : 'nothing';
  }
}

function releases(from: string | null, to: string | null): string {
  if (from !== null && to !== null) return ` ${from} → ${to}`;
  return to === null ? '' : ` to ${to}`;
}

function notMeasured({ steps }: Report): [string, string][] {
  const gaps = steps.filter(({ outcome }) => outcome !== 'ok');
  if (gaps.length === 0) return [];
  const shown = gaps
    .slice(0, REASONS_SHOWN)
    .map(({ step, note }) => `${escapeMrkdwn(step, 60)}: ${escapeMrkdwn(note)}`);
  return [['Not measured', shown.join('; ')]];
}

function sentences(reasons: readonly string[]): string {
  const shown = reasons.slice(0, REASONS_SHOWN).map((reason) => escapeMrkdwn(reason.replace(/[.\s]+$/, '')));
  return shown.join('; ');
}
