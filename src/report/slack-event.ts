/** What happens to an incident after its report: events in the thread, and the end of it on the root. */
import type { Report } from './report.ts';
import { escapeMrkdwn, fitMessage, type SlackMessage, section } from './slack-blocks.ts';
import { type ReportContext, renderReportRoot, serviceName } from './slack-root.ts';

/** Something that happened, as one plain sentence or two. */
export function renderEvent(text: string): SlackMessage {
  const line = escapeMrkdwn(text, 1000);
  return fitMessage(line, [section([line])]);
}

/** The root once nobody needs to act any more: why, then what the report said. `why`: a plain clause. */
export function renderClosedRoot(report: Report, why: string, reportContext: ReportContext): SlackMessage {
  const before = renderReportRoot(report, reportContext);
  return fitMessage([closedLine(report, why), 'What it was:', before.text].join('\n'), [
    section([`⚪ *${serviceName(report)}* — *CLOSED*: ${escapeMrkdwn(why)}`, 'What it was:']),
    ...before.blocks,
  ]);
}

/** The same as an event in the thread. */
export function renderClosedReply(report: Report, why: string): SlackMessage {
  return fitMessage(closedLine(report, why), [section([closedLine(report, why)])]);
}

function closedLine(report: Report, why: string): string {
  return `⚪ ${serviceName(report)}: CLOSED, ${escapeMrkdwn(why)}. Case ${escapeMrkdwn(report.incident, 20)}.`;
}
