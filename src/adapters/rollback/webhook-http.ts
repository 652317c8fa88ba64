/** One signed request of the rollback webhook, and which answers are believed. */
import { failed, type Outcome, ok } from '../../errors.ts';
import { isSignedBy, SIGNATURE_HEADER, sign } from './signature.ts';

const REQUEST_SECONDS = 15;
const MAX_ANSWER_BYTES = 65_536;

export type Answer = { status: number; text: string };
export type Request = { method: 'GET' | 'POST'; url: string; body: string; headers: Record<string, string> };

/**
 * Redirects are not followed: they would carry the order to another place. An answer that is signed must be signed
 * right; over plain HTTP it must be signed, since anybody on the way could have written it (TLS vouches for the others).
 * Rejects only with the reason of an abort of the caller.
 */
export async function request(
  { method, url, body, headers }: Request,
  secret: string,
  signal: AbortSignal,
): Promise<Outcome<Answer>> {
  const deadline = AbortSignal.timeout(REQUEST_SECONDS * 1000);
  try {
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: { ...headers, [SIGNATURE_HEADER]: sign(secret, body, Date.now()) },
      ...(method === 'GET' ? {} : { body }),
      signal: AbortSignal.any([signal, deadline]),
    });
    const text = await readText(response);
    const header = response.headers.get(SIGNATURE_HEADER);
    if (text === null) return refuse(url, `its answer is larger than ${MAX_ANSWER_BYTES / 1024} KiB`);
    if (header === null && new URL(url).protocol === 'https:') return ok({ status: response.status, text });
    if (header === null) return refuse(url, 'its answer is not signed, and plain HTTP proves nothing');
    if (!isSignedBy(secret, text, header, Date.now())) return refuse(url, 'the signature of its answer is wrong');
    return ok({ status: response.status, text });
  } catch (error) {
    signal.throwIfAborted();
    const why = deadline.aborted
      ? `did not answer within ${REQUEST_SECONDS} s`
      : `could not be asked: ${causeOf(error)}`;
    return failed('upstream', `${placeOf(url)} ${why}`, 'Check that it runs and can be reached from the collector');
  }
}

/** Origin and path: what stands behind may be a token. */
export function placeOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

function refuse(url: string, why: string) {
  const cure = `Sign answers as requests are signed (${SIGNATURE_HEADER}, MEMTRIAGE_ROLLBACK_SECRET), and use https`;
  return failed('operator', `${placeOf(url)} is not believed: ${why}`, cure);
}

async function readText(response: Response): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
