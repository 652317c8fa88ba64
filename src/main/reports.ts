/** Reports for people with a browser: where they are found, and the links that the threads carry. */
import { createReportLinks, type ReportLinks } from '../adapters/http/report-links.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import { Report } from '../report/report.ts';
import { renderReportHtml } from '../report/report-html.ts';
import type { World } from './world.ts';

/** Null without `http.publicUrl`, or without the secret that they are signed by. */
export function reportLinks({ config, environment, logger }: World): ReportLinks | null {
  const { publicUrl } = config.http;
  if (publicUrl === null) return null;
  if (environment.webhookToken !== null) return createReportLinks(environment.webhookToken.reveal(), publicUrl);
  logger.warn('http.publicUrl is set, but MEMTRIAGE_WEBHOOK_TOKEN is not: threads carry no link to their report');
  return null;
}

export async function findReport(
  id: string,
  incidents: RedisIncidentBook,
): Promise<{ json: string; html: string } | null> {
  const json = await incidents.reportJson(id);
  return json === null ? null : { json, html: renderReportHtml(Report.parse(JSON.parse(json))) };
}
