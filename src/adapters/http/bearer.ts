import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Does the request carry the token? In constant time, whatever the length of what was sent. Without a token: never. */
export function isAllowed({ headers }: IncomingMessage, token: string | null): boolean {
  const sent = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  return token !== null && sent !== undefined && isSame(sent, token);
}

/** How far a signed time may be off: as Slack's own signatures. */
const SIGNATURE_SECONDS = 300;

/**
 * Grafana's `X-Grafana-Alerting-Signature`: hex HMAC-SHA256 of the body, or of `<timestamp>:<body>` where the contact
 * point names the header `X-Grafana-Alerting-Timestamp` (grafana/alerting, http/hmac.go). `nowSeconds`: epoch.
 */
export function isSignedByGrafana(
  { headers }: IncomingMessage,
  body: Buffer,
  secret: string | null,
  nowSeconds: number,
): boolean {
  const signature = headers['x-grafana-alerting-signature'];
  const timestamp = headers['x-grafana-alerting-timestamp'];
  if (secret === null || typeof signature !== 'string') return false;
  const hmac = createHmac('sha256', secret);
  if (typeof timestamp === 'string') {
    if (!(Math.abs(nowSeconds - Number(timestamp)) <= SIGNATURE_SECONDS)) return false;
    hmac.update(`${timestamp}:`);
  }
  return isSame(signature.toLowerCase(), hmac.update(body).digest('hex'));
}

/** In constant time, whatever the lengths. */
export function isSame(sent: string, expected: string): boolean {
  return timingSafeEqual(digest(sent), digest(expected));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
