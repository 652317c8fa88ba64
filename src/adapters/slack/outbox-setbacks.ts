/** What follows when Slack refuses, asks to slow down or does not answer: rests, and other ways to tell. */
import type { Logger } from 'pino';
import type { OutboxLimits } from './outbox-limits.ts';
import type { OutboxStore } from './outbox-store.ts';
import { PRIORITY, type Slot, type ThreadState } from './outbox-thread.ts';
import { cureOf, refusalKind } from './refusals.ts';
import { StoredMessage, sentAs } from './send-slot.ts';
import type { SlackWeb } from './slack-web.ts';

export type Delivery = {
  store: OutboxStore;
  web: SlackWeb;
  limits: OutboxLimits;
  logger: Logger;
  onRootPosted: (id: string) => void;
  /** Slack shows a message that stands for the roots of these (`Slot.tells`). */
  onTold: (incidentIds: readonly string[]) => void;
};

/** What came of one action: something changed, or a wait in milliseconds, of this message or of the whole channel. */
export type Step = { kind: 'moved' } | { kind: 'wait'; ms: number } | { kind: 'channel-waits'; ms: number };

/** So often a root is posted anew: where something takes each of them away, more would only be noise. */
const MAX_GENERATION = 3;

/** Slack said no: the thread is posted anew, told otherwise, or waits for whoever can cure it. */
export async function onRefusal(delivery: Delivery, thread: ThreadState, slot: Slot, error: string): Promise<Step> {
  const { store, logger, limits } = delivery;
  const fields = { incidentId: thread.incidentId, channelId: thread.channelId, message: slot.key, error };
  const kind = refusalKind(error);
  switch (kind === 'root-gone' && thread.generation >= MAX_GENERATION ? 'message' : kind) {
    case 'root-gone':
      logger.info(fields, 'the thread was deleted in Slack, it is posted anew');
      await store.forgetRoot(thread);
      return { kind: 'moved' };
    case 'no-edit':
      logger.info(fields, 'the workspace does not let messages be edited any more, the new state is posted as a reply');
      await postInstead(delivery, thread, slot);
      return { kind: 'moved' };
    case 'content':
    case 'message':
      logger.error({ ...fields, tryThis: cureOf(error) }, 'Slack refuses a message; it is kept and tried again');
      await store.pause(thread.incidentId, limits.refusedMs);
      return { kind: 'moved' };
    case 'operator':
      logger.error({ ...fields, tryThis: cureOf(error) }, 'Slack refuses a message; it is kept and tried again');
      await store.pause(thread.channelId, limits.refusedMs);
      return { kind: 'channel-waits', ms: limits.refusedMs };
  }
}

async function postInstead({ store }: Delivery, thread: ThreadState, slot: Slot): Promise<void> {
  const ts = thread.sent.get(slot.key)?.ts;
  if (ts === undefined) return;
  if (slot.kind !== 'progress') {
    const message = StoredMessage.parse(JSON.parse(slot.message));
    const reply = { key: `${slot.key}.${slot.version}`, kind: 'reply' as const, message };
    await store.want(thread.incidentId, thread.channelId, PRIORITY.reply, [reply]);
  }
  await store.markSent(thread, slot.key, sentAs(slot, ts), true);
}

/** Slack asks for a rest of the channel. */
export async function restAsAsked({ store, logger }: Delivery, thread: ThreadState, seconds: number): Promise<Step> {
  const ms = Math.max(1, seconds) * 1000;
  logger.info({ channelId: thread.channelId, seconds }, 'Slack asks to slow down in this channel');
  await store.pause(thread.channelId, ms);
  return { kind: 'channel-waits', ms };
}

/** Longer with each failure in a row. `atLeastMs`: of the rest. */
export async function backOff(
  { store, logger, limits }: Delivery,
  thread: ThreadState,
  why: string,
  atLeastMs: number = 0,
): Promise<Step> {
  const failures = await store.countFailure(thread.channelId);
  const usual = Math.min(limits.backoffMs.longest, limits.backoffMs.first * 2 ** Math.min(failures - 1, 16));
  const ms = Math.max(atLeastMs, usual);
  logger.warn(
    { incidentId: thread.incidentId, channelId: thread.channelId, why, failures, ms },
    'Slack did not answer',
  );
  await store.pause(thread.channelId, ms);
  return { kind: 'channel-waits', ms };
}
