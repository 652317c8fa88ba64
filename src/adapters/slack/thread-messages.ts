/** Which messages an incident's thread shall show, from what is known of it. Pure. */
import type { Incident } from '../../incident/incident.ts';
import type { Umbrella } from '../../incident/umbrella.ts';
import type { Progress, Report } from '../../report/report.ts';
import { renderAlertReplies, withAlerts } from '../../report/slack-alerts.ts';
import type { SlackMessage } from '../../report/slack-blocks.ts';
import { type RootPart, withState } from '../../report/slack-buttons.ts';
import { renderClosedReply, renderClosedRoot } from '../../report/slack-event.ts';
import { renderProgressRoot, renderReportRoot } from '../../report/slack-root.ts';
import { renderReportThread } from '../../report/slack-thread.ts';
import { renderChildReport, renderUmbrellaRoot, type UmbrellaContext } from '../../report/slack-umbrella.ts';
import type { WantedMessage } from './outbox-store.ts';
import { PRIORITY, type Priority, ROOT } from './outbox-thread.ts';

/** What is wanted of the thread, and how much before other things of the channel. */
export type WantedThread = { priority: Priority; messages: readonly WantedMessage[] };

type Shown = { incident: Incident; parts: readonly RootPart[] };

export function progressThread({ incident, parts }: Shown, progress: Progress): WantedThread {
  const isUrgent = isOomKilled(incident);
  const message = withState(incident, parts, withAlerts(incident, renderProgressRoot(incident, progress)));
  return {
    priority: isUrgent ? PRIORITY.urgent : PRIORITY.root,
    messages: [...rootOf(incident, 'progress', message), ...alertReplies(incident)],
  };
}

export function reportThread({ incident, parts }: Shown, report: Report, link: string | null): WantedThread {
  const isUrgent = isOomKilled(incident);
  const root = renderReportRoot(report, { requestedBy: incident.openedBy, link });
  const message = withState(incident, parts, withAlerts(incident, root));
  const evidence = renderReportThread(report).map(
    (reply, i): WantedMessage => ({ key: `report-${i + 1}`, kind: 'reply', message: reply }),
  );
  return {
    priority: isUrgent ? PRIORITY.urgent : PRIORITY.report,
    messages: [...rootOf(incident, 'report', message), ...evidence, ...alertReplies(incident)],
  };
}

/** Nobody needs to act any more: no buttons. */
export function closedThread(incident: Incident, report: Report, why: string, link: string | null): WantedThread {
  const message = renderClosedRoot(report, why, { requestedBy: incident.openedBy, link });
  return {
    priority: PRIORITY.report,
    messages: [
      { key: ROOT, kind: 'report', message },
      { key: 'closed', kind: 'reply', message: renderClosedReply(report, why) },
    ],
  };
}

/** None while it is listed on an umbrella's root: its replies wait for the thread that it may get. */
function rootOf(incident: Incident, kind: 'progress' | 'report', message: SlackMessage): WantedMessage[] {
  if (incident.isListed === true) return [];
  return [{ key: ROOT, kind, message, isUrgent: isOomKilled(incident), ...newsOf(incident) }];
}

/** A first kill, and a kill of what was quiet before. */
function newsOf({ alerts }: Incident): { news?: string } {
  if (alerts === undefined || alerts.kills === null || alerts.quietSince !== null) return {};
  const again = alerts.timeline.filter(({ kind, event }) => kind === 'oom' && event === 'reopened').length;
  return { news: `oom-kill ${again}` };
}

/** The thread of many services that were killed at once: its root, and a reply for each report of those listed on it. */
export function umbrellaThread(umbrella: Umbrella, known: UmbrellaContext): WantedThread {
  const replies = umbrella.children.flatMap((child): WantedMessage[] => {
    const message = child.hasThread ? null : renderChildReport(child);
    if (message === null) return [];
    return [{ key: `report-${child.incident}-${child.report?.round ?? 1}`, kind: 'reply', message }];
  });
  const tells = umbrella.children.filter(({ hasThread }) => !hasThread).map(({ incident }) => incident);
  const message = renderUmbrellaRoot(umbrella, known);
  const root = { key: ROOT, kind: 'report' as const, message, isUrgent: true, tells };
  return { priority: PRIORITY.urgent, messages: [root, ...replies] };
}

function isOomKilled({ alerts }: Incident): boolean {
  return alerts !== undefined && alerts.kills !== null;
}

function alertReplies({ alerts }: Incident): WantedMessage[] {
  return alerts === undefined ? [] : renderAlertReplies(alerts).map((reply) => ({ ...reply, kind: 'reply' }));
}
