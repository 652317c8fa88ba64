import type { Logger } from 'pino';
import { z } from 'zod';
import type { OutboxLimits } from './outbox-limits.ts';
import type { OutboxStore } from './outbox-store.ts';
import { type Action, isNews, PRIORITY, ROOT, type Sent, type Slot, type ThreadState } from './outbox-thread.ts';
import { findPosted, toMetadata } from './posted-messages.ts';
import { cureOf, refusalKind } from './refusals.ts';
import type { SlackAnswer, SlackWeb } from './slack-web.ts';

export type Delivery = {
  store: OutboxStore;
  web: SlackWeb;
  limits: OutboxLimits;
  logger: Logger;
  onRootPosted: (id: string) => void;
};

/** What came of one action: something changed, or a wait in milliseconds, of this message or of the whole channel. */
export type Step = { kind: 'moved' } | { kind: 'wait'; ms: number } | { kind: 'channel-waits'; ms: number };

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

function sentAs({ version, kind, news }: Slot, ts: string): Sent {
  return { ts, version, kind, ...(news === undefined ? {} : { news }) };
}

/** Blocks that Slack refuses are our bug; the text, complete by itself, must arrive all the same. */
async function sendSlot(
  web: SlackWeb,
  method: string,
  slot: Slot,
  args: Record<string, unknown>,
): Promise<SlackAnswer> {
  const { text, blocks } = StoredMessage.parse(JSON.parse(slot.message));
  const quiet = method === 'chat.postMessage' ? { unfurl_links: false, unfurl_media: false } : {};
  const answer = await web.call(method, { ...args, ...quiet, text, blocks });
  if (answer.kind !== 'refused' || refusalKind(answer.error) !== 'content') return answer;
  return await web.call(method, { ...args, ...quiet, text, blocks: [] });
}

async function onRefusal(delivery: Delivery, thread: ThreadState, slot: Slot, error: string): Promise<Step> {
  const { store, logger, limits } = delivery;
  const fields = { incidentId: thread.incidentId, channelId: thread.channelId, message: slot.key, error };
  switch (refusalKind(error)) {
    case 'root-gone':
      logger.info(fields, 'the thread was deleted in Slack, it is posted anew');
      await store.forgetRoot(thread);
      return { kind: 'moved' };
    case 'no-edit':
      logger.info(fields, 'the workspace does not let messages be edited any more, the new state is posted as a reply');
      await postInstead(delivery, thread, slot);
      return { kind: 'moved' };
    case 'content':
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

async function succeeded({ store }: Delivery, channelId: string): Promise<Step> {
  await store.clearFailures(channelId);
  return { kind: 'moved' };
}

async function restAsAsked({ store, logger }: Delivery, thread: ThreadState, seconds: number): Promise<Step> {
  const ms = Math.max(1, seconds) * 1000;
  logger.info({ channelId: thread.channelId, seconds }, 'Slack asks to slow down in this channel');
  await store.pause(thread.channelId, ms);
  return { kind: 'channel-waits', ms };
}

async function backOff(
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

const Posted = z.object({ ts: z.string() });

/** An answer without it would be a Slack that we don't know: the message is looked for like one whose answer was lost. */
function tsOf(body: unknown): string {
  const posted = Posted.safeParse(body);
  if (!posted.success) throw new Error('Slack posted a message and did not say where');
  return posted.data.ts;
}

const StoredMessage = z.object({ text: z.string(), blocks: z.array(z.any()) });
