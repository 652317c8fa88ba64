import { expect, test } from 'vitest';
import { nextAction, type OutboxTimes, type Slot, type ThreadState } from '../../src/adapters/slack/outbox-thread.ts';

const NOW = 1_000_000;
const times: OutboxTimes = { editEveryMs: 3000, requestTimeoutMs: 10_000, settleMs: 1500 };

/**
 * A thread in a few words: `root:report@2/1` is the second version of a report whose first one is shown; `/-` is not
 * there yet, `/?` was begun and nobody answered, `/!` was begun by somebody who may still be at it.
 */
function threadOf(drawing: string, changes: Partial<ThreadState> = {}): ThreadState {
  const slots: Slot[] = [];
  const sent = new Map<string, { ts: string; version: number }>();
  const intents = new Map<string, { version: number; at: number; endedAt: number | null }>();
  for (const [order, word] of drawing.split(' ').entries()) {
    const [, key = '', kind = '', version = '', state = ''] = /^([\w-]+):(\w+)@(\d+)\/(.+)$/.exec(word) ?? [];
    slots.push({ key, kind: kind as Slot['kind'], order, version: Number(version), digest: '', message: '{}' });
    if (/\d/.test(state)) sent.set(key, { ts: `ts-${key}`, version: Number(state) });
    if (state === '?') intents.set(key, { version: 1, at: NOW - 5000, endedAt: NOW - 1000 });
    if (state === '!') intents.set(key, { version: 1, at: NOW - 5000, endedAt: null });
  }
  const base = { incidentId: 'M-1', channelId: 'C1', revision: 1, generation: 0, editedAt: 0 };
  return { ...base, slots, sent, intents, ...changes };
}

function told(thread: ThreadState, mayEdit = true): string {
  const action = nextAction(thread, NOW, times, mayEdit);
  if (action.kind === 'none') return 'none';
  return action.kind === 'wait'
    ? `wait ${action.ms} (${action.priority})`
    : `${action.kind} ${action.slot.key} (${action.priority})`;
}

test.each([
  // Nothing can stand before its root.
  ['reply-1:reply@1/-', 'none'],
  ['root:progress@1/-', 'post root (2)'],
  // A verdict goes before every other new thread.
  ['root:report@2/-', 'post root (1)'],
  ['root:report@2/- reply-1:reply@1/-', 'post root (1)'],
  ['root:progress@1/1', 'none'],
  ['root:progress@2/1', 'edit root (4)'],
  // Evidence goes before progress, a verdict before evidence.
  ['root:progress@2/1 reply-1:reply@1/-', 'post reply-1 (3)'],
  ['root:report@2/1 reply-1:reply@1/-', 'edit root (1)'],
  ['root:report@2/2 reply-1:reply@1/1 reply-2:reply@1/-', 'post reply-2 (3)'],
  ['root:report@2/2 reply-1:reply@1/1', 'none'],
  ['root:report@2/2 reply-1:reply@2/1', 'edit reply-1 (3)'],
  // The answer was lost a second ago: Slack gets half a second more to show the message, before it is looked for.
  ['root:progress@1/?', 'wait 500 (2)'],
  ['root:report@2/2 reply-1:reply@1/?', 'wait 500 (3)'],
  // Whoever began five seconds ago may be at it for five more.
  ['root:report@1/!', 'wait 6500 (1)'],
])('%s: %s', (drawing, action) => {
  expect(told(threadOf(drawing))).toBe(action);
});

test('a message whose answer was lost is looked for before it is posted again', () => {
  const intents = new Map([['root', { version: 1, at: NOW - 20_000, endedAt: null }]]);
  expect(told(threadOf('root:report@1/-', { intents }))).toBe('find root (1)');
});

test('a clock that went back, as of a replica that became the master, does not make anything wait for longer than usual', () => {
  const hour = 3_600_000;
  const begun = (times: object) => new Map([['root', { version: 1, at: NOW + hour, endedAt: null, ...times }]]);
  expect(told(threadOf('root:report@1/-', { intents: begun({}) }))).toBe('wait 11500 (1)');
  expect(told(threadOf('root:report@1/-', { intents: begun({ endedAt: NOW + hour }) }))).toBe('wait 1500 (1)');
  expect(told(threadOf('root:progress@3/2', { editedAt: NOW + hour }))).toBe('edit root (4)');
});

test('progress of one message is not edited again within three seconds, a verdict at once', () => {
  expect(told(threadOf('root:progress@3/2', { editedAt: NOW - 1000 }))).toBe('wait 2000 (4)');
  expect(told(threadOf('root:report@3/2', { editedAt: NOW - 1000 }))).toBe('edit root (1)');
});

test('what changes a verdict that is shown waits for its three seconds, so that many changes become one edit', () => {
  const sent = new Map([['root', { ts: 'ts-root', version: 2, kind: 'report' as const }]]);
  expect(told(threadOf('root:report@3/2', { sent, editedAt: NOW - 1000 }))).toBe('wait 2000 (1)');
  expect(told(threadOf('root:report@3/2', { sent, editedAt: NOW - 3000 }))).toBe('edit root (1)');
  // The reply below it need not wait.
  expect(told(threadOf('root:report@3/2 reply-1:reply@1/-', { sent, editedAt: NOW - 1000 }))).toBe('post reply-1 (3)');
});

test('news that the root does not show yet goes before everything, be it progress or just edited; the same again waits', () => {
  const news = (drawing: string, shown: string | undefined) => {
    const thread = threadOf(drawing, { editedAt: NOW - 1000 });
    const slots = thread.slots.map((slot) => (slot.key === 'root' ? { ...slot, news: 'oom-kill 0' } : slot));
    const kind = slots[0]?.kind ?? 'reply';
    const sent = new Map([
      ['root', { ts: 'ts-root', version: 2, kind, ...(shown === undefined ? {} : { news: shown }) }],
    ]);
    return told({ ...thread, slots, sent });
  };
  expect(news('root:report@3/2', undefined)).toBe('edit root (0)');
  expect(news('root:progress@3/2 reply-1:reply@1/-', undefined)).toBe('edit root (0)');
  expect(news('root:report@3/2', 'oom-kill 0')).toBe('wait 2000 (1)');
  expect(news('root:progress@3/2', 'oom-kill 0')).toBe('wait 2000 (4)');
});

test('evidence does not wait for a verdict that has to wait for its turn to be edited', () => {
  expect(told(threadOf('root:report@2/1 reply-1:reply@1/-'), false)).toBe('post reply-1 (3)');
  expect(told(threadOf('root:report@2/1'), false)).toBe('none');
});

test('the thread of an OOM kill is posted before every verdict, and edited like any other', () => {
  const urgent = (drawing: string) => {
    const thread = threadOf(drawing);
    return told({ ...thread, slots: thread.slots.map((slot) => ({ ...slot, isUrgent: slot.key === 'root' })) });
  };
  expect(urgent('root:progress@1/-')).toBe('post root (0)');
  expect(urgent('root:report@1/-')).toBe('post root (0)');
  expect(urgent('root:report@2/1')).toBe('edit root (1)');
  expect(urgent('root:report@2/2 reply-1:reply@1/-')).toBe('post reply-1 (3)');
});
