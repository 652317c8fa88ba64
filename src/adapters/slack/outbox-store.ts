import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { SlackMessage } from '../../report/slack-blocks.ts';
import {
  ADD_WANTED,
  BEGIN_POST,
  CHANGE_THREAD,
  FORGET_ROOT,
  HOLD,
  PAUSE_CHANNEL,
  SETTLE,
  TAKE_TURN,
} from './outbox-scripts.ts';
import { type Priority, parseThread, type Sent, type Slot, type SlotKind, type ThreadState } from './outbox-thread.ts';

export type WantedMessage = {
  key: string;
  kind: SlotKind;
  message: SlackMessage;
  isUrgent?: boolean;
  news?: string;
  isBroadcast?: boolean;
  tells?: readonly string[];
  unless?: string;
};

/**
 * What the outbox keeps in Redis, below `<prefix>:outbox:`. Every change of a thread is one script: atomic, and safe
 * to repeat. Times are Redis' own, so that replicas need no common clock. Errors are ioredis' own: the caller retries.
 */
export class OutboxStore {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #retentionMs: number;

  constructor(redis: Redis, { prefix, retentionMs }: { prefix: string; retentionMs: number }) {
    this.#redis = redis;
    this.#prefix = `${prefix}:outbox`;
    this.#retentionMs = retentionMs;
  }

  /** Stores what the thread shall show, all at once. A report is never replaced by progress. */
  async want(
    incidentId: string,
    channelId: string,
    priority: Priority,
    wanted: readonly WantedMessage[],
  ): Promise<void> {
    const slots = wanted.map(({ message, ...slot }) => {
      const text = JSON.stringify(message);
      return { ...slot, message: text, digest: createHash('sha1').update(text).digest('hex') };
    });
    const keys = [this.#thread(incidentId), this.#pending(channelId), `${this.#prefix}:channels`];
    await this.#redis.eval(
      ADD_WANTED,
      3,
      ...keys,
      incidentId,
      channelId,
      this.#retentionMs,
      priority,
      JSON.stringify(slots),
    );
  }

  /** The thread and Redis' time in epoch milliseconds, or null when nothing is known of it (any more). */
  async load(incidentId: string): Promise<{ thread: ThreadState; nowMs: number } | null> {
    const [fields, [seconds, micros]] = await Promise.all([
      this.#redis.hgetall(this.#thread(incidentId)),
      this.#redis.time(),
    ]);
    if (fields['channel'] === undefined) return null;
    return {
      thread: parseThread(incidentId, fields),
      nowMs: Number(seconds) * 1000 + Math.floor(Number(micros) / 1000),
    };
  }

  /** Incidents of the channel that have something to deliver, the most important first. */
  async pending(channelId: string, limit: number): Promise<{ incidentId: string; priority: number }[]> {
    const flat = await this.#redis.zrange(this.#pending(channelId), 0, String(limit - 1), 'WITHSCORES');
    return flat.flatMap((incidentId, i) =>
      i % 2 === 0 ? [{ incidentId, priority: Math.floor(Number(flat[i + 1]) / SCORE_STEP) }] : [],
    );
  }

  /** Channels that have something to deliver. */
  async channels(): Promise<string[]> {
    return await this.#redis.smembers(`${this.#prefix}:channels`);
  }

  /** Takes the incident off the channel's list (`priority` null) or moves it there, unless it changed since `revision`. */
  async settle(channelId: string, incidentId: string, revision: number, priority: Priority | null): Promise<void> {
    const keys = [this.#thread(incidentId), this.#pending(channelId), `${this.#prefix}:channels`];
    await this.#redis.eval(SETTLE, 3, ...keys, incidentId, channelId, revision, priority ?? -1);
  }

  /** Takes the incident off the channel's list whatever its state is; the next wish for it lists it again. */
  async drop(channelId: string, incidentId: string): Promise<void> {
    await this.#redis.zrem(this.#pending(channelId), incidentId);
  }

  /** Writes the intent to post; false when somebody else was faster, and the thread must be read again. */
  async beginPost({ incidentId, generation }: ThreadState, { key, version, unless }: Slot): Promise<boolean> {
    const begun = await this.#redis.eval(
      BEGIN_POST,
      2,
      this.#thread(incidentId),
      unless ?? `${this.#prefix}:never`,
      key,
      version,
      generation,
      this.#retentionMs,
    );
    return begun === 1;
  }

  /** The message is at Slack. `edited`: the root's last edit is now. */
  async markSent({ incidentId, generation }: ThreadState, key: string, sent: Sent, edited: boolean): Promise<void> {
    await this.#change(incidentId, generation, key, 'sent', JSON.stringify(sent), edited ? 1 : 0);
  }

  /** It is certain that the message was not posted. */
  async dropIntent({ incidentId, generation }: ThreadState, key: string): Promise<void> {
    await this.#change(incidentId, generation, key, 'drop', '', 0);
  }

  /** The call ended and nobody knows whether Slack did it. */
  async markUnsure({ incidentId, generation }: ThreadState, key: string): Promise<void> {
    await this.#change(incidentId, generation, key, 'unsure', '', 0);
  }

  /** A person deleted the root: everything that stood in the thread is wanted anew. */
  async forgetRoot({ incidentId, generation }: ThreadState): Promise<void> {
    await this.#redis.eval(FORGET_ROOT, 1, this.#thread(incidentId), generation, this.#retentionMs);
  }

  /** Milliseconds to wait before a message may be posted to the channel; 0: posted now, and the next one waits. */
  async takePost(channelId: string, everyMs: number): Promise<number> {
    return Number(await this.#redis.eval(TAKE_TURN, 1, `${this.#prefix}:gap:${channelId}`, everyMs, 1, 0));
  }

  /** No message may be posted to the channel for that long from now. */
  async holdPosts(channelId: string, ms: number): Promise<void> {
    await this.#redis.eval(HOLD, 1, `${this.#prefix}:gap:${channelId}`, ms);
  }

  /**
   * Milliseconds to wait before a message may be edited, anywhere in the workspace; 0: edited now.
   * `reserve`: turns that must be left over for more important edits.
   */
  async takeEdit({ everyMs, burst, reserve }: { everyMs: number; burst: number; reserve: number }): Promise<number> {
    return Number(await this.#redis.eval(TAKE_TURN, 1, `${this.#prefix}:edits`, everyMs, burst, reserve));
  }

  /** Milliseconds until the channel, or the thread of an incident, may be written to again; 0: now. */
  async pausedFor(id: string): Promise<number> {
    return Math.max(0, await this.#redis.pttl(`${this.#prefix}:pause:${id}`));
  }

  /** Nobody writes to the channel, or to the thread of an incident, for that long; a longer pause that is there stays. */
  async pause(id: string, ms: number): Promise<void> {
    await this.#redis.eval(PAUSE_CHANNEL, 1, `${this.#prefix}:pause:${id}`, Math.ceil(ms));
  }

  /** Counts failures of the channel in a row. */
  async countFailure(channelId: string): Promise<number> {
    const key = `${this.#prefix}:failures:${channelId}`;
    const [count] = (await this.#redis.multi().incr(key).expire(key, 3600).exec()) ?? [];
    return Number(count?.[1] ?? 1);
  }

  async clearFailures(channelId: string): Promise<void> {
    await this.#redis.del(`${this.#prefix}:failures:${channelId}`);
  }

  async #change(incidentId: string, generation: number, key: string, change: string, value: string, edited: 0 | 1) {
    await this.#redis.eval(
      CHANGE_THREAD,
      1,
      this.#thread(incidentId),
      generation,
      key,
      change,
      value,
      edited,
      this.#retentionMs,
    );
  }

  #thread(incidentId: string): string {
    return `${this.#prefix}:thread:${incidentId}`;
  }

  #pending(channelId: string): string {
    return `${this.#prefix}:pending:${channelId}`;
  }
}

/** One list holds all priorities: score = priority x step + milliseconds. Also in the scripts. */
const SCORE_STEP = 1e13;
