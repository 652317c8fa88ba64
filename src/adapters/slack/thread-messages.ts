/** Which messages an incident's thread shall show, from what is known of it. Pure. */
import type { Incident } from '../../incident/incident.ts';
import type { Progress, Report } from '../../report/report.ts';
import { renderAlertReplies, withAlerts } from '../../report/slack-alerts.ts';
import { type RootPart, withState } from '../../report/slack-buttons.ts';
import { renderClosedReply, renderClosedRoot } from '../../report/slack-event.ts';
import { renderProgressRoot, renderReportRoot } from '../../report/slack-root.ts';
import { renderReportThread } from '../../report/slack-thread.ts';
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
    messages: [{ key: ROOT, kind: 'progress', message, isUrgent }, ...alertReplies(incident)],
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
    messages: [{ key: ROOT, kind: 'report', message, isUrgent }, ...evidence, ...alertReplies(incident)],
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

function isOomKilled({ alerts }: Incident): boolean {
  return alerts !== undefined && alerts.kills !== null;
}

function alertReplies({ alerts }: Incident): WantedMessage[] {
  return alerts === undefined ? [] : renderAlertReplies(alerts).map((reply) => ({ ...reply, kind: 'reply' }));
}
