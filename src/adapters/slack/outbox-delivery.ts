import { z } from 'zod';
import { act } from './outbox-actions.ts';
import type { Delivery, Step } from './outbox-setbacks.ts';
import { nextAction } from './outbox-thread.ts';

/** How many incidents of one channel are looked at before the job rests: those that wait must not hide the others. */
const LOOK_AHEAD = 20;
/** Longest rest of a channel for a thread of it that Slack refuses: what is new in the others wakes no job that rests. */
const REFUSED_REST_MS = 5000;

/**
 * Brings the channel nearer to its wanted state, the most important incident first, until nothing is left (`null`)
 * or Slack's limits ask for a rest: the milliseconds to wait. Slack's failures end in a longer rest, never in a throw;
 * what Redis throws is the caller's.
 */
export async function deliverChannel(
  delivery: Delivery,
  channelId: string,
  signal: AbortSignal,
): Promise<number | null> {
  while (!signal.aborted) {
    const pausedMs = await delivery.store.pausedFor(channelId);
    if (pausedMs > 0) return pausedMs;
    const pending = await delivery.store.pending(channelId, LOOK_AHEAD);
    if (pending.length === 0) return null;
    const restMs = await deliverFirst(delivery, channelId, pending);
    if (restMs > 0) return restMs;
  }
  return 0;
}

/** One step for the first incident that allows one; otherwise the shortest wait of all that were looked at. */
async function deliverFirst(
  delivery: Delivery,
  channelId: string,
  pending: readonly { incidentId: string; priority: number }[],
): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (const { incidentId, priority } of pending) {
    const step = await deliverUnlessBroken(delivery, channelId, incidentId, priority);
    if (step.kind === 'moved') return 0;
    if (step.kind === 'channel-waits') return Math.min(shortest, step.ms);
    if (step.kind === 'wait') shortest = Math.min(shortest, step.ms);
  }
  return Number.isFinite(shortest) ? shortest : 0;
}

/** A thread that can't be read (written by another version, or by a bug of ours) must not hold up its channel. */
async function deliverUnlessBroken(
  delivery: Delivery,
  channelId: string,
  incidentId: string,
  listed: number,
): Promise<Step> {
  try {
    return await deliverOne(delivery, channelId, incidentId, listed);
  } catch (thrown) {
    if (!(thrown instanceof z.ZodError) && !(thrown instanceof SyntaxError)) throw thrown;
    delivery.logger.error({ err: thrown, channelId, incidentId }, 'a stored thread cannot be read; it is left out');
    await delivery.store.drop(channelId, incidentId);
    return { kind: 'moved' };
  }
}

async function deliverOne(delivery: Delivery, channelId: string, incidentId: string, listed: number): Promise<Step> {
  const { store, limits } = delivery;
  const [loaded, pausedMs] = await Promise.all([store.load(incidentId), store.pausedFor(incidentId)]);
  if (loaded === null) {
    await store.settle(channelId, incidentId, 0, null);
    return { kind: 'moved' };
  }
  const { thread, nowMs } = loaded;
  const action = nextAction(thread, nowMs, limits);
  if (action.kind === 'none') {
    await store.settle(channelId, incidentId, thread.revision, null);
    return { kind: 'moved' };
  }
  if (action.priority > listed) {
    await store.settle(channelId, incidentId, thread.revision, action.priority);
    return { kind: 'moved' };
  }
  if (action.kind === 'wait') return { kind: 'wait', ms: action.ms };
  if (pausedMs > 0) return { kind: 'wait', ms: Math.min(pausedMs, REFUSED_REST_MS) };
  const step = await act(delivery, thread, action);
  if (action.kind !== 'edit' || step.kind !== 'wait') return step;
  const instead = nextAction(thread, nowMs, limits, false);
  return instead.kind === 'post' || instead.kind === 'find' ? await act(delivery, thread, instead) : step;
}
