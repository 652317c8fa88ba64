/** `X-Memtriage-Signature: t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>` with MEMTRIAGE_ROLLBACK_SECRET. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const SIGNATURE_HEADER = 'X-Memtriage-Signature';
/** Slack and Stripe allow the same: clocks differ, and an old answer must not be played again. */
const WINDOW_SECONDS = 300;

export function sign(secret: string, body: string, nowMs: number): string {
  const t = Math.floor(nowMs / 1000);
  return `t=${t},v1=${digest(secret, t, body).toString('hex')}`;
}

/** Is it the signature of this body, made with this secret, at most five minutes from now? */
export function isSignedBy(secret: string, body: string, header: string, nowMs: number): boolean {
  const match = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header.trim());
  if (match?.[1] === undefined || match[2] === undefined) return false;
  const t = Number(match[1]);
  const isFresh = Math.abs(nowMs / 1000 - t) <= WINDOW_SECONDS;
  return isFresh && timingSafeEqual(digest(secret, t, body), Buffer.from(match[2], 'hex'));
}

function digest(secret: string, t: number, body: string): Buffer {
  return createHmac('sha256', secret).update(`${t}.${body}`).digest();
}
