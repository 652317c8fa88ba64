/** The root message of an incident's thread: its first words tell the state, its first screen what to do. */
import type { Incident } from '../incident/incident.ts';
import type { Progress, Report } from './report.ts';
import {
  code,
  context,
  escapeMrkdwn,
  fitMessage,
  link,
  localTime,
  mention,
  type SlackMessage,
  section,
  utcTime,
} from './slack-blocks.ts';
import {
  baselinePhrase,
  culpritPhrase,
  dataPhrase,
  growthPhrase,
  limitPhrase,
  oomPhrase,
  rssPhrase,
} from './slack-figures.ts';

/** Longest list of reasons on the root; the thread has all of them. */
const REASONS_SHOWN = 3;
const STEPS_SHOWN = 12;

const STEP_SIGNS = { waiting: '◻', running: '⏳', ok: '✅', inconclusive: '🟠', error: '❌' } as const;
const STEP_WORDS = {
  waiting: 'waiting',
  running: 'running',
  ok: 'done',
  inconclusive: 'no answer',
  error: 'failed',
} as const;

/** The live root: which steps are done, their first figures, and what runs now. */
export function renderProgressRoot(incident: Incident, { steps }: Progress): SlackMessage {
  const done = steps.filter(({ state }) => state !== 'waiting' && state !== 'running').length;
  const name = serviceName(incident);
  const lines = steps.slice(0, STEPS_SHOWN).map(({ step, state, note }) => ({
    sign: STEP_SIGNS[state],
    words: `${escapeMrkdwn(step, 60)} ${STEP_WORDS[state]}${note === '' ? '' : `: ${escapeMrkdwn(note)}`}`,
  }));
  const asker = `${openerPhrase(incident.openedBy)} at ${localTime(incident.openedAt)}`;
  return fitMessage(
    [
      `⏳ ${name}: triage running, ${done} of ${steps.length} steps done. Case ${escapeMrkdwn(incident.id, 20)}.`,
      ...lines.map(({ words }) => words),
    ].join('\n'),
    [
      section([
        `⏳ *${name}* — triage running (${done}/${steps.length})`,
        ...lines.map(({ sign, words }) => `${sign} ${words}`),
      ]),
      context([escapeMrkdwn(incident.id, 20), asker, 'the verdict will replace this message']),
    ],
  );
}

/** What the reader of a report may need beyond the report itself. `link`: the signed address of the report's page. */
export type ReportContext = { requestedBy: string; link: string | null };

/** The root once the verdict is there: state, figures, why, what to do, what would change it. */
export function renderReportRoot(report: Report, { requestedBy, link: page }: ReportContext): SlackMessage {
  const name = serviceName(report);
  const { sign, words: plainWords } = headline(report);
  const words = escapeMrkdwn(plainWords);
  const { recommendation } = report;
  const figures = [rssPhrase(report), baselinePhrase(report), growthPhrase(report), limitPhrase(report)];
  const oom = oomPhrase(report);
  const culprit = culpritPhrase(report);
  const facts = [...figures, ...(oom === null ? [] : [oom])].map((figure) => escapeMrkdwn(figure));
  const advice: readonly [string, string][] = [
    ['Why', sentences(recommendation.reasons) || 'no reason was given'],
    ...(culprit === null ? [] : [['Inside', escapeMrkdwn(culprit)] satisfies [string, string]]),
    ['Do', `${escapeMrkdwn(nextAction(report))} (confidence ${recommendation.confidence})`],
    ...movesLine(report),
    ['Would change this', sentences(recommendation.wouldChange) || 'nothing known'],
    ...notMeasured(report),
  ];
  const id = escapeMrkdwn(report.incident, 20);
  return fitMessage(
    [
      `${sign} ${name}: ${words}. Case ${id}.`,
      `${facts.join(', ')}.`,
      ...advice.map(([label, text]) => `${label}: ${text}.`),
      `${escapeMrkdwn(dataPhrase(report))}, ${instanceCount(report)}. Measured ${utcTime(report.generatedAt)}.`,
    ].join('\n'),
    [
      section([`${sign} *${name}* — *${words}*`, facts.join(' · ')]),
      section(advice.map(([label, text]) => `*${label}:* ${text}`)),
      context([
        code(report.incident, 20),
        escapeMrkdwn(dataPhrase(report)),
        instanceCount(report),
        `measured ${localTime(report.generatedAt)}`,
        openerPhrase(requestedBy),
        ...(page === null ? [] : [link(page, 'full report')]),
      ]),
    ],
  );
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

function instanceCount({ rss }: Report): string {
  return `${rss.instances.length} instance${rss.instances.length === 1 ? '' : 's'}`;
}

export function serviceName({ service, site }: { service: string; site: string }): string {
  const name = escapeMrkdwn(service, 80) || '(no name)';
  return site === 'local' ? name : `${name} · ${escapeMrkdwn(site, 40)}`;
}

/** `asked by <@U0ALICE>`, `opened by Alertmanager`. */
function openerPhrase(openedBy: string): string {
  const opener = mention(openedBy);
  return opener.startsWith('<@') ? `asked by ${opener}` : `opened by ${opener}`;
}
