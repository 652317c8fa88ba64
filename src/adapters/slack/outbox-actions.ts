import type { OutboxLimits } from './outbox-limits.ts';
import { backOff, type Delivery, onRefusal, restAsAsked, type Step } from './outbox-setbacks.ts';
import { type Action, isNews, ROOT, type Slot, type ThreadState } from './outbox-thread.ts';
import { findPosted, toMetadata } from './posted-messages.ts';
import { refusalKind } from './refusals.ts';
import { sendSlot, sentAs, tsOf } from './send-slot.ts';

/** Does one action against Slack and stores what came of it. Throws only what Redis throws. */
export async function act(
  delivery: Delivery,
  thread: ThreadState,
  action: Extract<Action, { slot: Slot }>,
): Promise<Step> {
  switch (action.kind) {
    case 'post':
      return await post(delivery, thread, action);
    case 'find':
      return await find(delivery, thread, action);
    case 'edit':
      return await edit(delivery, thread, action);
  }
}

type PostAction = Extract<Action, { kind: 'post' | 'find' }>;

async function post(delivery: Delivery, thread: ThreadState, { slot, threadTs }: PostAction): Promise<Step> {
  const { store, limits, web } = delivery;
  const waitMs = await store.takePost(thread.channelId, limits.postEveryMs);
  if (waitMs > 0) return { kind: 'channel-waits', ms: waitMs };
  if (!(await store.beginPost(thread, slot))) return { kind: 'moved' };
  const place = threadTs === null ? {} : { thread_ts: threadTs, reply_broadcast: slot.isBroadcast === true };
  const metadata = toMetadata(thread, slot);
  const answer = await sendSlot(web, 'chat.postMessage', slot, { channel: thread.channelId, metadata, ...place });
  // Slack counts arrivals. Counted from the answer, no jitter of ours or of the network can bring two too close.
  await store.holdPosts(thread.channelId, limits.postEveryMs);
  switch (answer.kind) {
    case 'ok':
      await store.markSent(thread, slot.key, sentAs(slot, tsOf(answer.body)), false);
      if (slot.key === ROOT && thread.generation === 0) delivery.onRootPosted(thread.incidentId);
      delivery.onTold(slot.tells ?? []);
      return await succeeded(delivery, thread.channelId);
    case 'unanswered':
      await store.markUnsure(thread, slot.key);
      return await backOff(delivery, thread, answer.why);
    case 'rate-limited':
      await store.dropIntent(thread, slot.key);
      return await restAsAsked(delivery, thread, answer.retryAfterSeconds);
    case 'refused':
      await store.dropIntent(thread, slot.key);
      return await onRefusal(delivery, thread, slot, answer.error);
  }
}

async function find(delivery: Delivery, thread: ThreadState, { slot, threadTs }: PostAction): Promise<Step> {
  const { store, web, logger } = delivery;
  const found = await findPosted(web, thread, slot, threadTs);
  switch (found.kind) {
    case 'found':
      await store.markSent(thread, slot.key, { ts: found.ts, version: found.version }, false);
      return await succeeded(delivery, thread.channelId);
    case 'absent':
      await store.dropIntent(thread, slot.key);
      return { kind: 'moved' };
    case 'unanswered':
      return await backOff(delivery, thread, found.why);
    case 'rate-limited':
      return await restAsAsked(delivery, thread, found.retryAfterSeconds);
    case 'refused':
      if (refusalKind(found.error) === 'root-gone') return await onRefusal(delivery, thread, slot, found.error);
      logger.warn(
        { incidentId: thread.incidentId, channelId: thread.channelId, error: found.error },
        'cannot look for a message whose answer was lost, so it is posted again and may stand there twice; grant channels:history and groups:history',
      );
      await store.dropIntent(thread, slot.key);
      return { kind: 'moved' };
  }
}

async function edit(delivery: Delivery, thread: ThreadState, action: Extract<Action, { kind: 'edit' }>): Promise<Step> {
  const { store, web, limits } = delivery;
  const { slot, ts } = action;
  const shown = thread.sent.get(slot.key);
  const reserve = turnsLeftFor(slot, shown !== undefined && isNews(slot, shown), limits);
  const waitMs = await store.takeEdit({ ...limits.edits, reserve });
  if (waitMs > 0) return { kind: 'wait', ms: waitMs };
  const metadata = toMetadata(thread, slot);
  const answer = await sendSlot(web, 'chat.update', slot, { channel: thread.channelId, ts, metadata });
  switch (answer.kind) {
    case 'ok':
      await store.markSent(thread, slot.key, sentAs(slot, ts), true);
      delivery.onTold(slot.tells ?? []);
      return await succeeded(delivery, thread.channelId);
    case 'unanswered':
      // Slack may still do it: an edit sent sooner would be overwritten by the one before.
      return await backOff(delivery, thread, answer.why, limits.settleMs);
    case 'rate-limited':
      return await restAsAsked(delivery, thread, answer.retryAfterSeconds);
    case 'refused':
      if (slot.key !== ROOT && answer.error === 'message_not_found') {
        // A person took this reply away; the rest of the thread stands.
        await store.markSent(thread, slot.key, sentAs(slot, ts), false);
        return { kind: 'moved' };
      }
      return await onRefusal(delivery, thread, slot, answer.error);
  }
}

/** Edits are few for a whole workspace: those that may be dropped or can wait leave some for those that can't. */
function turnsLeftFor({ kind }: Slot, isFirst: boolean, { edits }: OutboxLimits): number {
  if (isFirst) return 0;
  return kind === 'progress' ? edits.forReports : edits.forKills;
}

async function succeeded({ store }: Delivery, channelId: string): Promise<Step> {
  await store.clearFailures(channelId);
  return { kind: 'moved' };
}
