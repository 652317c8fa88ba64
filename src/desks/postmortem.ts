/** The postmortem of an incident from what is stored of it. */
import type { AuditBook } from '../adapters/redis/audit-book.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import type { DeskAnswer } from '../adapters/slack/command-desk.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { SlackWeb } from '../adapters/slack/slack-web.ts';
import { uploadToThread } from '../adapters/slack/upload-file.ts';
import { failed } from '../errors.ts';
import { threadOf } from '../incident/umbrella.ts';
import { renderPostmortem } from '../report/postmortem.ts';
import { Report } from '../report/report.ts';

export type PostmortemParts = {
  incidents: Pick<RedisIncidentBook, 'find' | 'reportJson'>;
  rollbacks: Pick<RollbackBook, 'find'>;
  audit: Pick<AuditBook, 'list'>;
  outbox: Pick<Outbox, 'findThread'>;
  web: SlackWeb;
};

/** Markdown; null when there is no such incident. */
export async function findPostmortem(
  incidentId: string,
  { incidents, rollbacks, audit }: Omit<PostmortemParts, 'outbox' | 'web'>,
): Promise<string | null> {
  const [incident, json, rollback, trail] = await Promise.all([
    incidents.find(incidentId),
    incidents.reportJson(incidentId),
    rollbacks.find(incidentId),
    audit.list(incidentId),
  ]);
  if (incident === null) return null;
  return renderPostmortem({
    incident,
    rollback,
    trail,
    report: json === null ? null : Report.parse(JSON.parse(json)),
  });
}

/** Puts it into the incident's thread as a file, and says so. */
export async function sharePostmortem(incidentId: string, parts: PostmortemParts): Promise<DeskAnswer> {
  const incident = await parts.incidents.find(incidentId);
  const place = incident === null ? incidentId : threadOf(incident).id;
  const [text, thread] = await Promise.all([findPostmortem(incidentId, parts), parts.outbox.findThread(place)]);
  if (text === null) return failed('user', `there is no incident ${incidentId}`, 'See /memtriage status');
  if (thread === null) {
    return failed('user', `${incidentId} has no thread`, `Take it from GET /incidents/${incidentId}.md of the bot`);
  }
  const file = { name: `${incidentId}.md`, title: `Postmortem ${incidentId}`, text };
  const shared = await uploadToThread(parts.web, file, thread);
  if (shared.outcome !== 'ok') return shared;
  return {
    kind: 'lines',
    title: `Postmortem ${incidentId}`,
    lines: [`it is in the thread of ${place === incidentId ? 'the incident' : place}, as a file`],
  };
}
