import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDirectory } from '../../src/demo/workspace/directory.ts';
import { blocksLines } from '../../src/demo/workspace/render/blocks.ts';
import { widthOf } from '../../src/demo/workspace/render/layout.ts';
import { mrkdwnLines, type Viewer } from '../../src/demo/workspace/render/mrkdwn.ts';
import { PLAIN } from '../../src/demo/workspace/render/style.ts';
import { startWorkspace, type Workspace } from '../../src/demo/workspace/workspace.ts';

const viewer: Viewer = {
  directory: createDirectory({
    channels: [{ id: 'C0PAY', name: 'payments' }],
    users: [{ id: 'U0ALICE', name: 'alice' }],
    userGroups: [{ id: 'S0PAY', handle: 'pay-oncall', users: [] }],
  }),
  style: PLAIN,
  width: 40,
  timeZone: 'America/Los_Angeles',
};
const plain = (text: string) => ({ type: 'plain_text', text });
const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });

describe('mrkdwn', () => {
  it.each([
    ['*bold* _italic_ ~struck~', ['bold italic struck']],
    ['snake_case_name 2*3*4 `*kept*`', ['snake_case_name 2*3*4 `*kept*`']],
    ['<@U0ALICE> <@U0NONE|carol> <#C0PAY> <!subteam^S0PAY> <!here>', ['@alice @carol #payments @pay-oncall @here']],
    ['<https://example.com/a|the page> <https://example.com/b>', ['the page https://example.com/b']],
    ['&lt;b&gt; &amp;amp; &lt;@U0ALICE&gt;', ['<b> &amp; <@U0ALICE>']],
    ['&gt; said *before*', ['▎ said before']],
    ['<!date^1795341660^{date_short_pretty} {time}|14:01 UTC>', ['Nov 22, 2026 02:01']],
    ['<!date^soon^{time}|later>', ['later']],
    ['see\n```a\n  b```\nend', ['see', '  a', '    b', 'end']],
    [':eyes: :no_such_emoji:', ['👀 :no_such_emoji:']],
  ])('%s', (text, lines) => {
    expect(mrkdwnLines(text, viewer)).toEqual(lines);
  });
});

describe('blocks', () => {
  it('puts fields side by side', () => {
    const fields = ['*Service*\ncheckout', '*Release*\nv812', '*Owner*\npayments'].map(mrkdwn);
    expect(blocksLines([{ type: 'section', fields }], viewer)).toEqual([
      'Service              Release',
      'checkout             v812',
      '',
      'Owner',
      'payments',
    ]);
  });

  it('wraps between words and keeps the indentation of a bullet', () => {
    const text = mrkdwn('• growth began 12 min after the deploy of v812');
    expect(blocksLines([{ type: 'section', text }], viewer)).toEqual([
      '• growth began 12 min after the deploy',
      '  of v812',
    ]);
  });

  it('shows a chart as the numbers that it draws', () => {
    const series = [
      { name: 'RSS', data: [100, 300, 800].map((value, index) => ({ label: `10:0${index}`, value })) },
      { name: 'limit', data: [800, 800, 800].map((value, index) => ({ label: `10:0${index}`, value })) },
    ];
    const axes = { categories: ['10:00', '10:01', '10:02'], y_label: 'MiB' };
    const chart = { type: 'data_visualization', title: 'Memory', chart: { type: 'line', series, axis_config: axes } };
    expect(blocksLines([chart], viewer)).toEqual([
      'Memory',
      '  RSS    ▂▄█  100 300 800',
      '  limit  ███  800 throughout',
      '  10:00 to 10:02 · MiB',
    ]);
  });

  it('lines up the columns of a table, numbers to the right', () => {
    const rows = [
      ['Line', 'Size'],
      ['app/retries.py:12', '+164 MiB'],
      ['json/decoder.py:3', '+2 MiB'],
    ].map((cells) => cells.map((text) => ({ type: 'raw_text', text })));
    expect(blocksLines([{ type: 'table', rows }], viewer)).toEqual([
      'Line                   Size',
      'app/retries.py:12  +164 MiB',
      'json/decoder.py:3    +2 MiB',
    ]);
  });

  it('shows what can be pressed, and what a container hides', () => {
    const buttons = {
      type: 'actions',
      elements: [
        { type: 'button', text: plain('Approve rollback'), style: 'danger' },
        { type: 'static_select', placeholder: plain('Snooze'), options: [] },
      ],
    };
    const container = {
      type: 'container',
      title: plain('Evidence'),
      child_blocks: [{ type: 'section', text: mrkdwn('*RSS*') }],
    };
    expect(
      blocksLines([{ type: 'header', text: plain('Decide') }, buttons, { type: 'divider' }, container], viewer),
    ).toEqual(['Decide', '[Approve rollback]  [Snooze ▾]', '', '─'.repeat(40), '', '▾ Evidence', '  RSS']);
  });
});

describe('widths', () => {
  it.each([
    ['abc', 3],
    ['🔴 ok', 5],
    ['⚠️', 2],
    ['é', 1],
    ['漢字', 4],
    ['\u001b[1mbold\u001b[22m', 4],
  ])('%s takes %i cells', (text, cells) => {
    expect(widthOf(text)).toBe(cells);
  });
});

describe('a thread', () => {
  let workspace: Workspace;
  beforeEach(async () => {
    workspace = await startWorkspace({ now: () => Date.UTC(2026, 10, 22, 14, 2) });
  });
  afterEach(async () => {
    await workspace.close();
  });

  it('reads as in Slack: who, when, the message as it stands, then the replies', async () => {
    const root = workspace.say({ user: 'U0ALICE', channel: 'C0PAY', text: 'is *checkout* growing?' });
    workspace.say({ user: 'U0ALICE', channel: 'C0PAY', text: 'looks so', threadTs: root.ts });
    workspace.say({ user: 'U0BOB', channel: 'C0PAY', text: 'on it, @alice', threadTs: root.ts });

    expect(workspace.renderThread('C0PAY', root.ts, { timeZone: 'UTC', width: 40 })).toBe(
      [
        `#payments ${'─'.repeat(30)}`,
        '',
        'alice  14:02',
        '│ is checkout growing?',
        '',
        `2 replies ${'─'.repeat(30)}`,
        '',
        'alice  14:02',
        '│ looks so',
        '',
        'bob  14:02',
        '│ on it, @alice',
        '',
      ].join('\n'),
    );
  });

  it('says so where the root was deleted', () => {
    const root = workspace.say({ user: 'U0ALICE', channel: 'C0PAY', text: 'root' });
    workspace.say({ user: 'U0BOB', channel: 'C0PAY', text: 'reply', threadTs: root.ts });

    workspace.deleteMessage({ channel: 'C0PAY', ts: root.ts });

    const text = workspace.renderThread('C0PAY', root.ts, { timeZone: 'UTC' });
    expect(text).toContain('This message was deleted.');
    expect(text).toContain('1 reply');
    expect(text).toContain('│ reply');
  });

  it('marks bold text for a terminal that can show it', () => {
    const root = workspace.say({ user: 'U0ALICE', channel: 'C0PAY', text: '*bold*' });
    expect(workspace.renderThread('C0PAY', root.ts, { ansi: true })).toContain('\u001b[1mbold\u001b[22m');
  });
});
