import type { IncomingMessage } from 'node:http';

/** Of a request body. Two thousand alerts of Alertmanager with usual labels. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** The whole body, or null when it is longer than allowed; then the rest of it is never read. Throws when it is cut off. */
export async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return null;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!(chunk instanceof Buffer)) continue;
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
