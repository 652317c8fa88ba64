/** The report as one page without scripts, styles from elsewhere, or anything that loads: readable on a phone, safe to keep. */

import type { Report } from './report.ts';
import { renderReportText } from './report-text.ts';
import { headline } from './slack-advice.ts';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:52rem;padding:0 1rem;color:#1d1c1d;background:#fff}' +
  'pre{white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.5 ui-monospace,monospace}' +
  '@media(prefers-color-scheme:dark){body{color:#e8e8e8;background:#1a1d21}}';

/** A complete HTML document; every text of the report is escaped. */
export function renderReportHtml(report: Report): string {
  const title = escapeHtml(`${report.incident} ${report.service}: ${headline(report).words}`);
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">`,
    `<title>${title}</title><style>${STYLE}</style></head>`,
    `<body><h1>${title}</h1><pre>${escapeHtml(renderReportText(report))}</pre></body></html>`,
    '',
  ].join('\n');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
