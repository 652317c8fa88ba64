/** The alerts of an incident in words: the first line of its root, and the replies of its thread. */
import type { AlertTally, TimelineEntry } from '../incident/alert-tally.ts';
import { isAfterPause } from '../incident/count-alerts.ts';
import type { Incident } from '../incident/incident.ts';
import { formatDuration } from '../units.ts';
import {
  code,
  context,
  escapeMrkdwn,
  fitMessage,
  localTime,
  type SlackMessage,
  section,
  utcTime,
} from './slack-blocks.ts';
import { serviceName } from './slack-root.ts';

/** Replies about what happened since, newest kept: the outbox edits none of them, and a thread must stay readable. */
const TOLD_REPLIES = 20;
const NAMES_SHOWN = 3;

/** The root with what its alerts say as the first line: the state of the case comes before what was found. */
export function withAlerts({ service, site, alerts }: Incident, root: SlackMessage): SlackMessage {
  if (alerts === undefined) return root;
  const name = serviceName({ service, site });
  const text = `${signOf(alerts)} ${name}: ${alertPhrase(alerts, utcTime)}.`;
  const shown = section([`${signOf(alerts)} *${name}* — *${alertPhrase(alerts, localTime)}*`]);
  return fitMessage(`${text}\n${root.text}`, [shown, ...root.blocks]);
}

/** `OOM kill ×4 in 38 min (last 14:40), 2 pods`. Escaped. */
function alertPhrase(alerts: AlertTally, time: (rfc3339: string) => string): string {
  const { kills, others, quietSince } = alerts;
  const phrases = [
    ...(kills === null ? [] : [runPhrase('OOM kill', kills, time)]),
    ...(others === null ? [] : [runPhrase(kills === null ? 'memory alert' : 'other alerts', others, time)]),
    ...instancesPhrase(alerts),
  ];
  const all = phrases.join(', ');
  return quietSince === null ? all : `quiet since ${time(quietSince)} (${all})`;
}

function signOf({ kills, quietSince }: AlertTally): string {
  if (quietSince !== null) return '🟢';
  return kills === null ? '🟠' : '🔴';
}

function runPhrase(what: string, run: NonNullable<AlertTally['kills']>, time: (rfc3339: string) => string): string {
  if (run.count === 1) return `${what} ×1 (${time(run.lastAt)})`;
  const seconds = (Date.parse(run.lastAt) - Date.parse(run.firstAt)) / 1000;
  return `${what} ×${run.count} in ${formatDuration(seconds)} (last ${time(run.lastAt)})`;
}

function instancesPhrase({ instances }: AlertTally): string[] {
  if (instances.length === 0) return [];
  if (instances.length > NAMES_SHOWN) return [`${instances.length} instances`];
  return [instances.map((instance) => escapeMrkdwn(instance, 60)).join(', ')];
}

/**
 * The replies that belong into the thread, under keys that stay theirs. What comes back after it was over, or after a long
 * pause, is shown in the channel too (`isBroadcast`): nobody looks into a thread that said it is quiet.
 */
export function renderAlertReplies({
  timeline,
}: AlertTally): { key: string; message: SlackMessage; isBroadcast: boolean }[] {
  return timeline
    .map((entry, i) => ({ entry, isBroadcast: isAgain(entry, timeline.slice(0, i)) }))
    .filter(({ entry }) => entry.isTold)
    .slice(-TOLD_REPLIES)
    .map(({ entry, isBroadcast }) => ({ key: `alert-${entry.id}`, message: renderReply(entry), isBroadcast }));
}

function isAgain({ event, at }: TimelineEntry, before: readonly TimelineEntry[]): boolean {
  return event === 'reopened' || (event === 'occurred' && isAfterPause(before, Date.parse(at)));
}

function renderReply(entry: TimelineEntry): SlackMessage {
  const { at, kind, name, summary, instance, sources } = entry;
  const words = eventWords(entry);
  const about = instance === null ? [] : [`on ${escapeMrkdwn(instance, 100)}`];
  const said = summary === '' ? [] : [escapeMrkdwn(summary)];
  const teller = `${escapeMrkdwn(name, 100)}, told by ${sources.map((source) => escapeMrkdwn(source, 40)).join(' and ')}`;
  const sign = entry.event === 'quiet' ? '🟢' : kind === 'oom' ? '🔴' : '🟠';
  const head = [words, ...about].join(' ');
  return fitMessage([`${sign} ${head}, ${utcTime(at)}.`, ...said, teller].join('\n'), [
    section([`${sign} *${head}*, ${localTime(at)}`, ...said]),
    context([teller]),
  ]);
}

function eventWords({ event, kind, count }: TimelineEntry): string {
  const what = kind === 'oom' ? `OOM kill ×${count}` : `Memory alert ×${count}`;
  switch (event) {
    case 'occurred':
      return what;
    case 'reopened':
      return `Again: ${what}`;
    case 'resolved':
      return 'Resolved';
    case 'quiet':
      return 'Quiet: every alert of this case is resolved';
  }
}

/** An alert that belongs to no service: what it carries, and the line that would place it. */
export function renderUnplacedAlert(
  alert: { source: string; name: string; service: string | null; labels: Readonly<Record<string, string>> },
  line: string | null,
): SlackMessage {
  const name = escapeMrkdwn(alert.name, 100);
  const whose = alert.service === null ? 'belongs to no service' : `names a service that I don't know`;
  const labels = Object.entries(alert.labels).map(([label, value]) => `${label}=${value}`);
  const cure =
    line === null
      ? 'It has no label that names a service: add one to the rule, and `alerts: { match: … }` to the service.'
      : 'This line of memtriage.yaml, in the service that it belongs to, would place it:';
  const head = `⚪ ${name} of ${escapeMrkdwn(alert.source, 40)} ${whose}, so nothing was triaged`;
  return fitMessage(
    [
      `${head}.`,
      `Labels: ${labels.map((label) => escapeMrkdwn(label, 120)).join(', ') || 'none'}.`,
      cure,
      ...(line === null ? [] : [escapeMrkdwn(line)]),
    ].join('\n'),
    [
      section([head, cure, ...(line === null ? [] : [code(line)])]),
      context(labels.length === 0 ? ['it has no labels'] : labels.map((label) => code(label, 120))),
    ],
  );
}
