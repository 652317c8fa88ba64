/** The root message of an incident's thread: its first words tell the state, its first screen what to do. */
import type { Incident } from '../incident/incident.ts';
import type { Progress, Report } from './report.ts';
import { adviceOf, headline } from './slack-advice.ts';
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
import { baselinePhrase, dataPhrase, growthPhrase, limitPhrase, oomPhrase, rssPhrase } from './slack-figures.ts';

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
      `${openerPhrase(incident.openedBy)} at ${utcTime(incident.openedAt)}; the verdict will replace this message.`,
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
  const figures = [rssPhrase(report), baselinePhrase(report), growthPhrase(report), limitPhrase(report)];
  const oom = oomPhrase(report);
  const facts = [...figures, ...(oom === null ? [] : [oom])].map((figure) => escapeMrkdwn(figure));
  const advice = adviceOf(report);
  const id = escapeMrkdwn(report.incident, 20);
  return fitMessage(
    [
      `${sign} ${name}: ${words}. Case ${id}.`,
      `${facts.join(', ')}.`,
      ...advice.map(([label, text]) => `${label}: ${text}.`),
      `${escapeMrkdwn(dataPhrase(report))}, ${instanceCount(report)}. Measured ${utcTime(report.generatedAt)}, ${openerPhrase(requestedBy)}.`,
      ...(page === null ? [] : [link(page, 'Full report')]),
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
