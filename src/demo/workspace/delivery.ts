import type { JsonObject } from './json.ts';

/** Slack gives the app 3 s to acknowledge (docs: interactivity, Events API). */
export const ACK_DEADLINE_MS = 3000;

export type Envelope = { type: 'slash_commands' | 'interactive' | 'events_api'; payload: JsonObject };
export type Retry = { attempt: number; reason: string };

/** What became of an envelope. `body` is what the app sent along: JSON, text, or nothing. */
export type Ack =
  | { acked: true; ackMs: number; body: unknown }
  /** `dispatch_failed`: no connection or an HTTP error; `operation_timeout`: no answer in time. */
  | { acked: false; ackMs: number; error: 'dispatch_failed' | 'operation_timeout'; mayRetry: boolean };

/** Brings an envelope to the app, over Socket Mode or HTTP. */
export type Deliver = (envelope: Envelope, retry: Retry | null) => Promise<Ack>;
