import { randomUUID } from 'node:crypto';
import type { Ack, Deliver, Envelope } from './delivery.ts';
import { isObject, type JsonObject, stringIn } from './json.ts';
import { eventPayload } from './payloads.ts';
import { delay } from './web-api.ts';

/** An event that wasn't acknowledged comes again at once, after a minute and after five (docs: Events API). */
export const EVENT_RETRY_DELAYS_MS: readonly number[] = [0, 60_000, 300_000];

export type Outbox = {
  /** Once: Slack doesn't repeat commands and interactions. */
  send: (type: 'slash_commands' | 'interactive', payload: JsonObject) => Promise<Ack>;
  /** Resolves with the first attempt; the repeats go on by themselves. */
  sendEvent: (event: JsonObject) => Promise<Ack>;
  /** Brings the last envelope (of the type, or of any; `ts`: about that message) once more. */
  redeliver: (options?: { type?: Envelope['type']; ts?: string; attempt?: number; reason?: string }) => Promise<Ack>;
};

export function createOutbox(options: {
  deliver: Deliver;
  now: () => number;
  closing: AbortSignal;
  eventRetryDelaysMs: readonly number[];
}): Outbox {
  const { deliver, now, closing, eventRetryDelaysMs } = options;
  const sent: Envelope[] = [];

  async function repeat(envelope: Envelope, first: Ack): Promise<void> {
    let ack = first;
    for (const [index, wait] of eventRetryDelaysMs.entries()) {
      if (ack.acked || !ack.mayRetry) return;
      const { reason } = ack;
      await delay(wait, closing);
      if (closing.aborted) return;
      ack = await deliver(envelope, { attempt: index + 1, reason });
    }
  }

  return {
    send: (type, payload) => {
      const envelope: Envelope = { type, payload };
      sent.push(envelope);
      return deliver(envelope, null);
    },
    sendEvent: async (event) => {
      const id = `Ev${randomUUID().replaceAll('-', '').slice(0, 10).toUpperCase()}`;
      const envelope: Envelope = { type: 'events_api', payload: eventPayload(event, id, now()) };
      sent.push(envelope);
      const ack = await deliver(envelope, null);
      void repeat(envelope, ack);
      return ack;
    },
    redeliver: ({ type, ts, attempt = 1, reason = 'timeout' } = {}) => {
      const last = sent.findLast(
        (envelope) => (type === undefined || envelope.type === type) && (ts === undefined || tsOf(envelope) === ts),
      );
      if (last === undefined) throw new Error('there is no envelope to deliver again');
      return deliver(last, { attempt, reason });
    },
  };
}

function tsOf({ payload }: Envelope): string | null {
  const { event } = payload;
  return isObject(event) ? stringIn(event, 'ts') : null;
}

/** What an acknowledgement says to the person, or null when it is empty. */
export function saidIn(body: unknown): { text: string; blocks: readonly JsonObject[]; inChannel: boolean } | null {
  if (typeof body === 'string') return body === '' ? null : { text: body, blocks: [], inChannel: false };
  if (!isObject(body)) return null;
  const blocks = Array.isArray(body['blocks']) ? body['blocks'].filter(isObject) : [];
  const text = stringIn(body, 'text') ?? '';
  if (text === '' && blocks.length === 0) return null;
  return { text, blocks, inChannel: body['response_type'] === 'in_channel' };
}
