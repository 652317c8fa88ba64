import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../src/report/report.ts';
import { headline } from '../../src/report/slack-advice.ts';
import { escapeMrkdwn, type SlackMessage } from '../../src/report/slack-blocks.ts';
import { renderProgressRoot, renderReportRoot } from '../../src/report/slack-root.ts';
import { renderReportThread } from '../../src/report/slack-thread.ts';
import { anIncident, aProgress, aReport } from '../slack/reports.ts';

const context = { requestedBy: 'U0ALICE', link: 'https://memtriage.example.com/incidents/M-12?expires=1&signature=a' };

function shown({ blocks }: SlackMessage): string {
  return blocks
    .map((block) => {
      if (block.type === 'section') return block.text.text;
      return block.type === 'context' ? block.elements.map(({ text }) => text).join(' ') : '---';
    })
    .join('\n');
}

describe('the root of a report', () => {
  const root = renderReportRoot(aReport(), context);

  test('begins with the state, and its first screen holds the figures, why and what to do', () => {
    expect(shown(root).split('\n').slice(0, 6)).toEqual([
      '🔴 *checkout* — *ROLL BACK recommended v812 → v811*',
      'RSS 2.40 GiB · 3.0× baseline (819 MiB, v811, 6 d old) · +164 MiB/h (95 %: +150 to +178 MiB/h, over 6 h) · about 3 h 45 min to the limit of 3.00 GiB (3 h 20 min to 4 h 10 min) · 2 OOM kills in 1 h',
      '*Why:* growth began 12 min after v812; 3 of 3 instances grow; traffic is flat',
      '*Inside:* app.retries.QUEUE (list): 120 entries more in 10 s, 93 % of the growth',
      '*Do:* roll back v812 → v811 (confidence high)',
      '*Would change this:* the same growth in v811; a traffic increase at the same time',
    ]);
  });

  test('ends with the case, the age of the data, who asked, and the way to the full report', () => {
    const last = shown(root).split('\n').at(-1);
    expect(last).toContain('`M-12` · data 40 s old, from prometheus · 2 instances');
    expect(last).toContain('<!date^1795341600^{date_short_pretty} {time}|22 Nov 10:00 UTC>');
    expect(last).toContain('asked by <@U0ALICE>');
    expect(last).toContain('<https://memtriage.example.com/incidents/M-12?expires=1&amp;signature=a|full report>');
  });

  test('reads complete as plain text', () => {
    const facts = [
      'ROLL BACK recommended v812 → v811',
      'Case M-12',
      'RSS 2.40 GiB',
      '3.0× baseline',
      '+164 MiB/h',
      '3 h 45 min',
    ];
    for (const fact of [
      ...facts,
      'growth began 12 min after v812',
      'app.retries.QUEUE',
      'Would change this',
      '22 Nov 10:00 UTC',
      'asked by <@U0ALICE>',
      '&amp;signature=a|Full report>',
    ]) {
      expect(root.text).toContain(fact);
    }
  });

  test('says what was not measured, instead of leaving it out', () => {
    const blind = aReport({
      verdict: 'inconclusive',
      recommendation: { action: 'none', from: null, to: null, confidence: 'low', reasons: [], wouldChange: [] },
      rss: { bytes: null, limitBytes: null, instances: [] },
      growth: null,
      timeToLimitSeconds: null,
      baseline: null,
      oomKills: null,
      snapshot: null,
      steps: [{ step: 'capture', outcome: 'error', seconds: 10, note: 'Prometheus did not answer in 10 s.' }],
    });
    expect(shown(renderReportRoot(blind, context)).split('\n').slice(0, 6)).toEqual([
      "🟠 *checkout* — *CAN'T TELL*",
      'RSS not measured · not compared with a baseline · growth not measured · limit not known',
      '*Why:* no reason was given',
      '*Do:* cure what was not measured and ask again; nothing is advised until then (confidence low)',
      '*Would change this:* nothing known',
      '*Not measured:* capture: Prometheus did not answer in 10 s.',
    ]);
  });
});

describe('the verdict in words', () => {
  test.each<[verdict: Report['verdict'], action: Report['recommendation']['action'], words: string]>([
    ['critical', 'rollback', '🔴 ROLL BACK recommended v812 → v811'],
    ['warning', 'rollback', '🔴 ROLL BACK recommended v812 → v811'],
    ['critical', 'restart', '🔴 RESTART recommended'],
    ['warning', 'restart', '🟠 RESTART recommended'],
    ['warning', 'raise-limit', '🟠 RAISE THE LIMIT recommended'],
    ['warning', 'investigate', '🟠 WATCH (warning)'],
    ['critical', 'investigate', '🔴 INVESTIGATE NOW (critical)'],
    ['critical', 'none', '🔴 INVESTIGATE NOW (critical)'],
    ['healthy', 'none', '🟢 HEALTHY'],
    ['inconclusive', 'none', "🟠 CAN'T TELL"],
    ['inconclusive', 'investigate', "🟠 CAN'T TELL"],
  ])('%s and %s', (verdict, action, words) => {
    const isRollback = action === 'rollback';
    const recommendation = {
      ...aReport().recommendation,
      action,
      from: isRollback ? 'v812' : null,
      to: isRollback ? 'v811' : null,
    };
    const said = headline(aReport({ verdict, recommendation }));
    expect(`${said.sign} ${said.words}`).toBe(words);
  });
});

test('the live root tells each step and its first figures', () => {
  const root = renderProgressRoot(anIncident(), aProgress());
  expect(shown(root).split('\n').slice(0, 3)).toEqual([
    '⏳ *checkout* — triage running (1/4)',
    '✅ capture done: RSS 2.40 GiB, +164 MiB/h',
    '⏳ compare running',
  ]);
  expect(root.text).toContain('capture done: RSS 2.40 GiB, +164 MiB/h');
});

describe('the thread below a report', () => {
  test('holds the steps, what grew inside, the process and the checks of the team, in this order', () => {
    const [measured, inside, process, checks, ...others] = renderReportThread(aReport()).map(shown);
    expect(others).toEqual([]);
    expect(measured).toContain('✅ done: *snapshot* (12 s) two looks 10 s apart');
    expect(measured).toContain('`4711.99` 2.40 GiB, release v812, started ');
    expect(measured).toContain('• v811 was healthy for 6 d');
    expect(inside).toContain('*Pattern: accumulated-results (confidence high)*');
    expect(inside).toContain('`app.retries.QUEUE` list: 12345 entries, +120 (720/min), explains 93 % of the growth');
    expect(inside).toContain('`app/retries.py:12` +391 KiB in +120 blocks, from `app/server.py:40 pay`');
    expect(process).toContain('python-objects: 2.00 GiB, +410 KiB');
    expect(process).toContain('on, thresholds 700, 10, 10, collections in the window 12, 1, 0');
    expect(checks).toContain('retry_queue_depth = 12345, expected below 100');
  });

  test('says why a step has no answer, and has nothing to say about a process that was not looked into', () => {
    const steps = [{ step: 'snapshot', outcome: 'error' as const, seconds: 3, note: 'the collector did not answer' }];
    const replies = renderReportThread(aReport({ snapshot: null, checks: [], steps })).map(shown);
    expect(replies).toHaveLength(1);
    expect(replies[0]).toContain('❌ failed: *snapshot* (3 s) the collector did not answer');
  });
});

/** Slack's limits, written down again: the renderer must not be its own judge. */
function problemsOf({ text, blocks }: SlackMessage): string[] {
  const problems: string[] = [];
  const length = (value: string) => Array.from(value).length;
  if (length(text) < 1 || length(text) > 4000) problems.push(`text of ${length(text)}`);
  if (blocks.length < 1 || blocks.length > 50) problems.push(`${blocks.length} blocks`);
  for (const block of blocks) {
    const texts = block.type === 'section' ? [block.text] : block.type === 'context' ? block.elements : [];
    const max = block.type === 'section' ? 3000 : 2000;
    if (block.type === 'context' && (texts.length < 1 || texts.length > 10)) problems.push('elements');
    for (const { text: words } of texts) {
      if (length(words) < 1 || length(words) > max) problems.push(`${block.type} of ${length(words)}`);
    }
  }
  if (JSON.stringify(blocks).length > 13_000) problems.push('blocks too long in total');
  const everything = `${text}${JSON.stringify(blocks)}`;
  if (/<!(?!date\^)/.test(everything)) problems.push('a mention of many');
  if (/[\u202a-\u202e\u2066-\u2069]|[^\P{Cc}\n]/u.test(`${text}${shown({ text, blocks })}`))
    problems.push('control characters');
  if (/\p{Surrogate}/u.test(everything)) problems.push('half a character');
  return problems;
}

const hostile = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  fc.constantFrom(
    '<!channel>',
    '<@U0BOB>',
    '`rm`',
    '*_~',
    '&lt;',
    '\u202egnp.exe',
    '\ud800',
    '',
    ' ',
    '\n\n',
    '😀'.repeat(4000),
    '&'.repeat(5000),
  ),
  fc.string({ unit: 'grapheme', minLength: 2000, maxLength: 4000 }),
);
const hostileReport = fc.record({
  name: hostile,
  note: hostile,
  path: hostile,
  many: fc.integer({ min: 0, max: 300 }),
});

describe('whatever comes in', () => {
  test('Slack takes the messages, nobody is mentioned, and nothing is cut in the middle of a character', () => {
    fc.assert(
      fc.property(hostileReport, ({ name, note, path, many }) => {
        const notes = Array.from({ length: many }, () => note);
        const base = aReport();
        const snapshot = base.snapshot;
        if (snapshot === null) throw new Error('the example has a snapshot');
        const report = aReport({
          incident: name,
          service: name,
          site: name,
          recommendation: { ...base.recommendation, from: name, to: name, reasons: notes, wouldChange: notes },
          data: { source: name, ageSeconds: 3 },
          rss: {
            ...base.rss,
            instances: notes.map(() => ({ instance: name, bytes: 1, release: name, startedAt: note })),
          },
          snapshot: {
            ...snapshot,
            instance: name,
            containers: notes.map(
              () => ({ ...snapshot.containers?.[0], path, type: name, length: 1, lengthDiff: 1 }) as never,
            ),
            sites: notes.map(() => ({ file: path, line: 1, sizeDiffBytes: 1, countDiff: 1, traceback: [path] })),
            types: notes.map(() => ({ type: path, count: 1, countDiff: null })),
            notes,
          },
          steps: notes.map(() => ({ step: name, outcome: 'error' as const, seconds: 1, note })),
          checks: notes.map(() => ({ title: name, text: note, links: [path, `https://example.com/${path}`] })),
        });
        const steps = notes.map(() => ({ step: name, state: 'running' as const, note }));
        const messages = [
          renderReportRoot(report, { requestedBy: name, link: `https://example.com/${path}` }),
          renderProgressRoot(anIncident({ id: name, service: name, openedBy: note }), aProgress({ steps })),
          ...renderReportThread(report),
        ];
        expect(messages.flatMap(problemsOf)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('a megabyte in every field takes no more than a moment', () => {
    const huge = '<!channel>`&😀'.repeat(80_000);
    const began = performance.now();
    const root = renderReportRoot(
      aReport({ service: huge, recommendation: { ...aReport().recommendation, reasons: [huge] } }),
      context,
    );
    expect(problemsOf(root)).toEqual([]);
    expect(performance.now() - began).toBeLessThan(200);
  });

  test.each([
    ['a & b < c > d', 'a &amp; b &lt; c &gt; d'],
    ['<!channel>', '&lt;!channel&gt;'],
    ['`code`', "'code'"],
    ['two\r\nlines\tand more', 'two lines and more'],
    ['\u202eevil\u2066', 'evil'],
    ['x\ud83d', 'x\ufffd'],
    ['  padded  ', 'padded'],
  ])('%j becomes %j', (raw, escaped) => {
    expect(escapeMrkdwn(raw)).toBe(escaped);
  });

  test('a cut never splits an entity or a character, and is marked', () => {
    expect(escapeMrkdwn('a&&&&', 10)).toBe('a&amp;…');
    expect(escapeMrkdwn('😀😀😀😀', 3)).toBe('😀😀…');
    expect(escapeMrkdwn('abc', 3)).toBe('abc');
  });
});
