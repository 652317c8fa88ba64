import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import type { ActContext, ActEnd, ActStatus } from '../../mitigation/executor.ts';
import { formatDuration } from '../../units.ts';

export type Patience = {
  everySeconds: number;
  /** Of the whole wait. */
  deadlineSeconds: number;
  /** Looks that fail one after the other, as while an API server restarts, before they are the answer. */
  failuresAllowed?: number;
};

const FAILURES_ALLOWED = 5;

/** Looks again and again until the act has ended, and tells of what moves. Rejects with the reason of an abort. */
export async function untilEnd(
  look: () => Promise<ActStatus>,
  { signal, progress }: Pick<ActContext, 'signal' | 'progress'>,
  { everySeconds, deadlineSeconds, failuresAllowed = FAILURES_ALLOWED }: Patience,
): Promise<ActEnd> {
  const end = Date.now() + deadlineSeconds * 1000;
  let told = '';
  let failures = 0;
  for (;;) {
    const seen = await look().then(
      (status) => {
        failures = 0;
        return status;
      },
      (error: unknown): ActStatus => {
        signal.throwIfAborted();
        failures += 1;
        const state = failures > failuresAllowed ? 'unknown' : 'under-way';
        return { state, message: `its state can't be read: ${messageOf(error)}` };
      },
    );
    if (seen.state === 'done' || seen.state === 'failed' || seen.state === 'unknown') return ended(seen);
    if (seen.message !== told) progress(seen.message);
    told = seen.message;
    if (Date.now() >= end) return tooLate(told, deadlineSeconds);
    await wait(Math.min(everySeconds * 1000, Math.max(0, end - Date.now())), undefined, { signal });
  }
}

function ended({ state, message }: ActEnd): ActEnd {
  return { state, message };
}

function tooLate(last: string, deadlineSeconds: number): ActEnd {
  const message = `it did not end within ${formatDuration(deadlineSeconds)}; last seen: ${last}. It may still go on`;
  return { state: 'unknown', message };
}
