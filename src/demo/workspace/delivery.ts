import type { JsonObject } from './json.ts';

/** Slack gives the app 3 s to acknowledge (docs: interactivity, Events API). */
export const ACK_DEADLINE_MS = 3000;

export type Envelope = { type: 'slash_commands' | 'interactive' | 'events_api'; payload: JsonObject };
export type Retry = { attempt: number; reason: string };

/** What became of an envelope. `body` is what the app sent along: JSON, text, or nothing. */
export type Ack =
  | { acked: true; ackMs: number; body: unknown }
  | {
      acked: false;
      ackMs: number;
      /** What the person is told: the app wasn't there or refused, or it took too long. */
      error: 'dispatch_failed' | 'operation_timeout';
      /** What the app is told when an event comes again. */
      reason: 'connection_failed' | 'http_error' | 'http_timeout' | 'timeout';
      mayRetry: boolean;
    };

/** No connection of the app is open. */
export const NOT_THERE: Extract<Ack, { acked: false }> = {
  acked: false,
  ackMs: 0,
  error: 'dispatch_failed',
  reason: 'connection_failed',
  mayRetry: true,
};

/** Brings an envelope to the app, over Socket Mode or HTTP. */
export type Deliver = (envelope: Envelope, retry: Retry | null) => Promise<Ack>;
