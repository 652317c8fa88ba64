import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import { ACK_DEADLINE_MS, type Ack, type Envelope, NOT_THERE, type Retry } from './delivery.ts';
import { isObject, stringIn } from './json.ts';

/** Envelopes on their way over a WebSocket, each until its acknowledgement or the deadline. */
export type PendingAcks = {
  send: (socket: WebSocket, envelope: Envelope, retry: Retry | null) => Promise<Ack>;
  /** Takes a message of the app; what acknowledges nothing is passed over, as Slack does. */
  settle: (message: unknown) => void;
  abandon: () => void;
};

const TOO_LATE: Ack = { acked: false, ackMs: 0, error: 'operation_timeout', reason: 'timeout', mayRetry: true };
const CLOSED: Ack = { ...NOT_THERE, mayRetry: false };

export function createPendingAcks(now: () => number): PendingAcks {
  const pending = new Map<string, (ack: Ack) => void>();
  return {
    send: (socket, envelope, retry) => {
      const id = randomUUID();
      const sentAt = now();
      socket.send(JSON.stringify(toFrame(id, envelope, retry)));
      return new Promise((resolve) => {
        const finish = (ack: Ack): void => {
          clearTimeout(deadline);
          pending.delete(id);
          resolve({ ...ack, ackMs: now() - sentAt });
        };
        const deadline = setTimeout(finish, ACK_DEADLINE_MS, TOO_LATE);
        pending.set(id, finish);
      });
    },
    settle: (message) => {
      const body = isObject(message) ? message['payload'] : null;
      pending.get(stringIn(message, 'envelope_id') ?? '')?.({ acked: true, ackMs: 0, body });
    },
    abandon: () => pending.forEach((finish) => finish(CLOSED)),
  };
}

function toFrame(id: string, envelope: Envelope, retry: Retry | null): object {
  const retryFields = retry === null ? {} : { retry_attempt: retry.attempt, retry_reason: retry.reason };
  const accepts = envelope.type !== 'events_api';
  return { envelope_id: id, ...envelope, accepts_response_payload: accepts, ...retryFields };
}
