import { describe, expect, it } from 'vitest';
import { blockProblems, viewProblems } from '../../src/demo/workspace/block-kit/problems.ts';

const plain = (text: string) => ({ type: 'plain_text', text });
const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });
const section = (text: string) => ({ type: 'section', text: mrkdwn(text) });
const button = (more: object = {}) => ({ type: 'button', action_id: 'go', text: plain('Go'), ...more });
const actions = (...elements: object[]) => ({ type: 'actions', elements });
const chart = (values: number[], categories: string[]) => ({
  type: 'data_visualization',
  title: 'RSS',
  chart: {
    type: 'line',
    series: [{ name: 'RSS', data: values.map((value, index) => ({ label: `t${index}`, value })) }],
    axis_config: { categories },
  },
});
const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

/** Each row: what is posted, then `pointer: message` of every problem. */
const CASES: readonly [title: string, blocks: unknown, problems: readonly string[]][] = [
  ['nothing at all', [], []],
  ['50 blocks', many(50, { type: 'divider' }), []],
  ['51 blocks', many(51, { type: 'divider' }), ['/blocks: no more than 50 items allowed']],
  ['a section of 3000 emoji', [section('😀'.repeat(3000))], []],
  ['a section of 3001 emoji', [section('😀'.repeat(3001))], ['/blocks/0/text/text: must be less than 3001 characters']],
  ['an empty section', [section('')], ['/blocks/0/text/text: must be more than 0 characters']],
  ['a section of nothing', [{ type: 'section' }], ['/blocks/0: missing required field: text']],
  [
    'a header of 151',
    [{ type: 'header', text: plain('x'.repeat(151)) }],
    ['/blocks/0/text/text: must be less than 151 characters'],
  ],
  [
    'mrkdwn in a header',
    [{ type: 'header', text: mrkdwn('x') }],
    ['/blocks/0/text/type: Invalid input: expected "plain_text"'],
  ],
  [
    '11 fields',
    [{ type: 'section', fields: many(11, mrkdwn('x')) }],
    ['/blocks/0/fields: no more than 10 items allowed'],
  ],
  [
    'a field of 2001',
    [{ type: 'section', fields: [mrkdwn('x'.repeat(2001))] }],
    ['/blocks/0/fields/0/text: must be less than 2001 characters'],
  ],
  [
    '11 things in a context',
    [{ type: 'context', elements: many(11, mrkdwn('x')) }],
    ['/blocks/0/elements: no more than 10 items allowed'],
  ],
  [
    '26 buttons',
    [actions(...many(26, button({ action_id: undefined })))],
    ['/blocks/0/elements: no more than 25 items allowed'],
  ],
  [
    'a button text of 76',
    [actions(button({ text: plain('x'.repeat(76)) }))],
    ['/blocks/0/elements/0/text/text: must be less than 76 characters'],
  ],
  [
    'a button value of 2001',
    [actions(button({ value: 'x'.repeat(2001) }))],
    ['/blocks/0/elements/0/value: must be less than 2001 characters'],
  ],
  [
    'two buttons of one name',
    [actions(button(), button())],
    ['/blocks/0/elements/1/action_id: `action_id` go already exists in this block'],
  ],
  [
    'two blocks of one name',
    many(2, { type: 'divider', block_id: 'a' }),
    ['/blocks/1/block_id: `block_id` a already exists in another block'],
  ],
  ['an unknown block', [{ type: 'poem' }], ['/blocks/0/type: unsupported type, or not allowed on this surface']],
  [
    'an alert in a message',
    [{ type: 'alert', text: plain('x') }],
    ['/blocks/0/type: unsupported type, or not allowed on this surface'],
  ],
  ['a property of its own', [{ type: 'divider', color: 'red' }], ['/blocks/0: invalid additional property: color']],
  [
    '6 choices in an overflow',
    [actions({ type: 'overflow', action_id: 'more', options: many(6, { text: plain('x'), value: 'x' }) })],
    ['/blocks/0/elements/0/options: no more than 5 items allowed'],
  ],
  [
    'a long confirmation',
    [
      actions(
        button({ confirm: { title: plain('x'.repeat(101)), text: plain('x'), confirm: plain('y'), deny: plain('n') } }),
      ),
    ],
    ['/blocks/0/elements/0/confirm/title/text: must be less than 101 characters'],
  ],
  ['20 points', [chart(many(20, 1), many(20, 'x'))], []],
  ['21 points', [chart(many(21, 1), many(20, 'x'))], ['/blocks/0/chart/series/0/data: no more than 20 items allowed']],
  ['a value too few', [chart([1], ['a', 'b'])], ['/blocks/0/chart/series/0/data: must have one value per category']],
  ['three charts', many(3, chart([1], ['a'])), ['/blocks: no more than 2 data_visualization blocks allowed']],
  [
    '11 blocks in a container',
    [{ type: 'container', title: plain('Evidence'), child_blocks: many(11, { type: 'divider' }) }],
    ['/blocks/0/child_blocks: no more than 10 items allowed'],
  ],
];

describe('blocks of a message', () => {
  it.each(CASES)('%s', (_title, blocks, problems) => {
    expect(blockProblems(blocks).map(({ pointer, message }) => `${pointer}: ${message}`)).toEqual(problems);
  });
});

describe('views', () => {
  const modal = (more: object = {}) => ({ type: 'modal', title: plain('Roll back'), blocks: [section('x')], ...more });

  it('may hold an alert and 100 blocks', () => {
    expect(
      viewProblems(modal({ blocks: [{ type: 'alert', text: plain('careful') }, ...many(99, { type: 'divider' })] })),
    ).toEqual([]);
  });

  it('are refused with a long title or too many blocks', () => {
    expect(viewProblems(modal({ title: plain('x'.repeat(25)) }))).toMatchObject([{ pointer: '/view/title/text' }]);
    expect(viewProblems(modal({ blocks: many(101, { type: 'divider' }) }))).toMatchObject([
      { pointer: '/view/blocks' },
    ]);
  });
});
