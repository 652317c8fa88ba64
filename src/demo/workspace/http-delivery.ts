import { createHmac } from 'node:crypto';
import { ACK_DEADLINE_MS, type Ack, type Deliver, type Envelope, type Retry } from './delivery.ts';
import { parseJson } from './json.ts';

/** Signed requests to the app's request URL, as in HTTP mode. */
export function createHttpDelivery(options: {
  requestUrl: string;
  signingSecret: string;
  now: () => number;
  closing: AbortSignal;
}): Deliver {
  const { requestUrl, signingSecret, now, closing } = options;
  return async (envelope, retry) => {
    const sentAt = now();
    const { contentType, body } = encode(envelope);
    const timestamp = String(Math.floor(sentAt / 1000));
    const headers = {
      'content-type': contentType,
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': sign(signingSecret, timestamp, body),
      ...retryHeaders(retry),
    };
    const signal = AbortSignal.any([AbortSignal.timeout(ACK_DEADLINE_MS), closing]);
    try {
      const response = await fetch(requestUrl, { method: 'POST', headers, body, signal });
      const text = await response.text();
      const ackMs = now() - sentAt;
      const mayRetry = response.headers.get('x-slack-no-retry') !== '1';
      if (!response.ok) return { acked: false, ackMs, error: 'dispatch_failed', reason: 'http_error', mayRetry };
      return { acked: true, ackMs, body: parseJson(text) ?? text };
    } catch (thrown) {
      return notDelivered(now() - sentAt, thrown, closing);
    }
  };
}

/** `v0=` and the HMAC-SHA256 of `v0:timestamp:body` (docs: verifying requests from Slack). */
function sign(signingSecret: string, timestamp: string, body: string): string {
  return `v0=${createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')}`;
}

/** Commands are forms, interactions a form with one JSON field, events JSON. */
function encode({ type, payload }: Envelope): { contentType: string; body: string } {
  if (type === 'events_api') return { contentType: 'application/json', body: JSON.stringify(payload) };
  const fields = type === 'interactive' ? { payload: JSON.stringify(payload) } : textValues(payload);
  return { contentType: 'application/x-www-form-urlencoded', body: new URLSearchParams(fields).toString() };
}

function textValues(payload: Envelope['payload']): Record<string, string> {
  return Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, String(value)]));
}

function retryHeaders(retry: Retry | null): Record<string, string> {
  if (retry === null) return {};
  return { 'x-slack-retry-num': String(retry.attempt), 'x-slack-retry-reason': retry.reason };
}

function notDelivered(ackMs: number, thrown: unknown, closing: AbortSignal): Ack {
  const mayRetry = !closing.aborted;
  const isTooLate = thrown instanceof Error && thrown.name === 'TimeoutError';
  if (isTooLate) return { acked: false, ackMs, error: 'operation_timeout', reason: 'http_timeout', mayRetry };
  return { acked: false, ackMs, error: 'dispatch_failed', reason: 'connection_failed', mayRetry };
}
