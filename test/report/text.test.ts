import { describe, expect, it } from 'vitest';
import type { Report } from '../../src/report/report.ts';
import { renderReportHtml } from '../../src/report/report-html.ts';
import { renderReportText } from '../../src/report/report-text.ts';
import { renderReportThread } from '../../src/report/slack-thread.ts';
import { aReport } from '../slack/reports.ts';

/** Nothing could be measured. */
function anEmptyReport(): Report {
  return aReport({
    verdict: 'inconclusive',
    recommendation: { action: 'investigate', from: null, to: null, confidence: 'low', reasons: [], wouldChange: [] },
    rss: { bytes: null, limitBytes: null, instances: [] },
    growth: null,
    timeToLimitSeconds: null,
    baseline: null,
    onset: null,
    oomKills: null,
    snapshot: null,
    pattern: null,
    steps: [],
    data: { source: 'none', ageSeconds: null },
    checks: [],
  });
}

describe('the report for a terminal', () => {
  it('begins with the verdict and the figures, then reasons, evidence, doubts and steps', () => {
    const text = renderReportText(aReport());
    const titles = text.split('\n').filter((line) => /^[A-Z].*:$/.test(line));
    expect(text).toMatch(
      /^🔴 checkout: .*ROLL BACK.*v812 → v811.*\(M-12, confidence high\)\n {3}RSS 2\.40 GiB · 3\.0× baseline/,
    );
    expect(titles).toEqual([
      'Why:',
      'Inside the process:',
      'Pattern: accumulated-results (confidence high):',
      'Layers of the RSS, with the change in 10 s:',
      'What would change this:',
      'Checks:',
      'Steps:',
      'The look itself:',
    ]);
    expect(text).toContain('app.retries.QUEUE');
    expect(text).toContain('app/retries.py:12');
    expect(text).toContain('the look cost 24 ms of CPU, longest stall 14 ms, +410 KiB');
    expect(text).toContain(
      '  - Queue depth: retry_queue_depth = 12345, expected below 100: https://grafana.example.com/d/1',
    );
    expect(text.endsWith('\n')).toBe(true);
  });

  it('says of everything that was not measured that it was not, and shows no zero for it', () => {
    const text = renderReportText(anEmptyReport());
    expect(text).toContain("CAN'T TELL");
    expect(text).toContain('RSS not measured');
    expect(text).toContain('not compared with a baseline');
    expect(text).not.toMatch(/\b0 B\b|NaN|undefined|null|Infinity/);
    expect(text).not.toMatch(/:\n\n|: *$/m);
  });

  it('says of an inside that was not seen no more than that', () => {
    const report = aReport();
    if (report.snapshot === null) throw new Error('the sample report has a snapshot');
    const sibling = { instance: '7.7', release: 'v1', typesDiff: null, containersDiff: [] };
    const blind = { ...report.snapshot, sites: null, containers: null, types: null, sibling };
    const text = renderReportText({ ...report, snapshot: blind });
    expect(text).toContain('no container differs by much');
    expect(text).toContain('types were not compared');
    const thread = renderReportThread({ ...report, snapshot: blind }).map((message) => message.text);
    expect(thread.join('\n')).toContain('Containers, by owner:\nnot measured');
    expect(thread.join('\n')).not.toContain('Containers that grew');
    const once = report.snapshot.containers?.map((one) => ({ ...one, lengthDiff: null })) ?? null;
    const looked = renderReportThread({ ...report, snapshot: { ...report.snapshot, containers: once } });
    expect(looked.map((message) => message.text).join()).toContain('Largest containers, by owner');
  });

  it('says that a young process is compared at its own age', () => {
    const rss = { bytes: 400 * 1024 ** 2, limitBytes: null, instances: [] };
    const baseline = { bytes: 820 * 1024 ** 2, release: 'v811', recordedAt: '2026-11-20T00:00:00Z', deltaRatio: 0 };
    expect(renderReportText(aReport({ rss, baseline }))).toContain('RSS 400 MiB · 1.0× baseline at this age (');
  });

  it('names as culprit no container that is bounded', () => {
    const report = aReport();
    const [worst] = report.snapshot?.containers ?? [];
    if (report.snapshot === null || worst === undefined) throw new Error('the sample report has a culprit');
    const bounded = { ...worst, path: 'app.recent.SEEN', maxLength: 100_000, lengthDiff: 90_000 };
    const text = renderReportText({ ...report, snapshot: { ...report.snapshot, containers: [bounded, worst] } });
    expect(text).not.toContain('app.recent.SEEN');
    expect(text).toContain(`${worst.path} (`);
  });

  it('tells an open end, a limit that is passed and what rounds to nothing in words', () => {
    const bytes = 2 * 1024 ** 3;
    const left = (limitBytes: number, estimate: number, high: number) => {
      const timeToLimitSeconds = { estimate, low: 0, high };
      return renderReportText(aReport({ rss: { bytes, limitBytes, instances: [] }, timeToLimitSeconds }));
    };
    expect(left(2 * bytes, 7200, 365 * 86_400)).toContain(
      'about 2 h to the limit of 4.00 GiB (0 s to more than a year)',
    );
    const still = { bytesPerHour: -0.3, low: -0.4, high: 0.2, windowSeconds: 3600, samples: 240 };
    expect(renderReportText(aReport({ growth: still }))).toContain('+0 B/h (95 %: +0 to +0 B/h, over 1 h)');
    expect(left(bytes / 2, 0, 0)).toContain('200 % of the limit of 1.00 GiB');
  });

  it.each([
    ['a line of its own', 'checkout\n🟢 payments: HEALTHY'],
    ['colours', 'checkout\u001b[32mHEALTHY\u001b[0m'],
    ['the title of the window', 'checkout\u001b]0;owned\u0007'],
    ['a C1 control', 'checkout\u009b2J'],
    ['text that runs backwards', 'checkout\u202eYHTLAEH\u2066'],
    ['a carriage return', 'everything is fine\rcheckout'],
  ])('does not let a name draw %s', (_title, service) => {
    const report = aReport({ service });
    const lines = renderReportText(report).split('\n');
    expect(lines).toHaveLength(renderReportText(aReport()).split('\n').length);
    expect(lines.join('')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
  });
});

describe('the report as a page', () => {
  it('is one document without anything that runs or loads', () => {
    const html = renderReportHtml(aReport());
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(html).toContain('<title>M-12 checkout: ');
    expect(html).not.toMatch(/<(script|img|link|iframe|object|form|base)\b|\bsrc=|\bon\w+=|url\(|@import/i);
  });

  it.each(['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'&lt;&#39;", '</pre></body>'])(
    'shows %j as text wherever it stands',
    (hostile) => {
      const base = aReport();
      const report = aReport({
        incident: hostile,
        service: hostile,
        recommendation: {
          ...base.recommendation,
          from: hostile,
          to: hostile,
          reasons: [hostile],
          wouldChange: [hostile],
        },
        checks: [{ title: hostile, text: hostile, links: [hostile] }],
        steps: [{ step: hostile, outcome: 'ok', seconds: 1, note: hostile }],
        data: { source: hostile, ageSeconds: 1 },
      });
      const html = renderReportHtml(report);
      const tags = html.match(/<\/?[a-z!][^>]*>/gi);
      expect(tags).toEqual(renderReportHtml(base).match(/<\/?[a-z!][^>]*>/gi));
      expect(
        html.split(
          hostile.replace(/[&<>"']/g, (c) => `&${{ '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }[c]};`),
        ).length,
      ).toBeGreaterThan(9);
    },
  );
});
