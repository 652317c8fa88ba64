import { setTimeout as wait } from 'node:timers/promises';
import { type ConnectionOptions, Queue } from 'bullmq';
import { openQueue } from '../open-queue.ts';
import { PULSE_JOB, TRIAGE_QUEUE } from './triage-queue.ts';

export type PulseOptions = {
  connection: ConnectionOptions;
  prefix: string;
  /** Unique among the bots. */
  bot: string;
  /** All places of this bot's worker are taken: a pulse that waits proves nothing then. */
  isFull: () => boolean;
  /** Nobody took a pulse, twice in a row, while Redis answered and this bot had room: only a new process helps. */
  onStuck: (why: string) => void;
  signal: AbortSignal;
  /** Milliseconds; default a pulse each minute, which must be back within 30 s. */
  everyMs?: number;
  deadlineMs?: number;
};

export type Pulse = {
  /** Since a pulse last came back; null: none did yet. */
  ageSeconds(): number | null;
  /** Why the work of this bot does not get done, or null. */
  whyStuck(): string | null;
  /** Resolves when the signal was aborted and nothing is under way. */
  ended: Promise<void>;
};

const EVERY_MS = 60_000;
/** Facts of the field: a worker that lost its connection may never ask again, while everything else looks well. */
const DEADLINE_MS = 30_000;
const MISSES_TO_END = 2;
/** A finished pulse is kept that long, for whoever sent it to see. Seconds. */
const KEPT_SECONDS = 300;

/**
 * Sends a job that does nothing through the real triage queue again and again, and sees whether it is done. It goes
 * before all others, so that a long queue does not look like a dead one.
 */
export function startPulse(options: PulseOptions): Pulse {
  const { connection, prefix, signal, everyMs = EVERY_MS, deadlineMs = DEADLINE_MS, onStuck } = options;
  const queue = openQueue(TRIAGE_QUEUE, connection, prefix);
  let doneAtMs: number | null = null;
  let misses = 0;
  let number = 0;

  async function beat(): Promise<void> {
    number += 1;
    const outcome = await sendOne(queue, `pulse-${options.bot}-${number}`, options, deadlineMs).catch(
      () => 'not known' as const,
    );
    if (outcome === 'done') {
      doneAtMs = Date.now();
      misses = 0;
    } else if (outcome === 'missed') {
      misses += 1;
      if (misses === MISSES_TO_END) onStuck(describeMisses(misses, deadlineMs));
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const begunAt = Date.now();
      await beat();
      await wait(Math.max(0, everyMs - (Date.now() - begunAt)), undefined, { signal, ref: false }).catch(() => {});
    }
    await queue.close();
  }

  return {
    ageSeconds: () => (doneAtMs === null ? null : (Date.now() - doneAtMs) / 1000),
    whyStuck: () => (misses === 0 ? null : describeMisses(misses, deadlineMs)),
    ended: run(),
  };
}

/** `not known`: what was seen is no proof of anything. Rejects when Redis does not answer. */
async function sendOne(
  queue: Queue,
  jobId: string,
  { isFull, signal }: PulseOptions,
  deadlineMs: number,
): Promise<'done' | 'missed' | 'not known'> {
  const kept = { age: KEPT_SECONDS };
  // An older version beside us takes it for a triage of an incident that is gone: nothing to do.
  const data = { incidentId: 'pulse' };
  await queue.add(PULSE_JOB, data, { jobId, lifo: true, removeOnComplete: kept, removeOnFail: kept });
  const end = Date.now() + deadlineMs;
  let pauseMs = 50;
  let wasFull = false;
  while (Date.now() < end && !signal.aborted) {
    await wait(Math.min(pauseMs, end - Date.now()), undefined, { signal, ref: false }).catch(() => {});
    pauseMs = Math.min(1000, pauseMs * 2);
    wasFull ||= isFull();
    if ((await queue.getJob(jobId))?.finishedOn !== undefined) return 'done';
  }
  await queue.remove(jobId);
  return wasFull || signal.aborted ? 'not known' : 'missed';
}

function describeMisses(misses: number, deadlineMs: number): string {
  const times = misses === 1 ? 'once' : `${misses} times in a row`;
  return `a job of the triage queue was not taken within ${deadlineMs / 1000} s, ${times}, though Redis answers`;
}
