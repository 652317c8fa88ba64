import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../report/report.ts';
import { renderReportHtml } from '../report/report-html.ts';

/** Writes what the triage found as files; their paths. */
export async function leaveReport(
  directory: string,
  report: Report,
  thread: string | null,
): Promise<readonly string[]> {
  const files: readonly (readonly [string, string])[] = [
    ['report.json', `${JSON.stringify(report, null, 2)}\n`],
    ['report.html', renderReportHtml(report)],
    ...(thread === null ? [] : [['thread.txt', `${thread}\n`] as const]),
  ];
  for (const [name, text] of files) await writeFile(join(directory, name), text);
  return files.map(([name]) => join(directory, name));
}
