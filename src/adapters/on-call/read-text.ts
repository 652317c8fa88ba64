/** Text of files and addresses, bounded in time and size. */
import { open } from 'node:fs/promises';
import { failed, messageOf, type Outcome, ok } from '../../errors.ts';

/** A rota of a whole company is some 100 kB; what is larger is something else. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Of one request, redirects and body included. Whoever asked waits; the last good answer is at hand. */
const DEADLINE_MS = 5000;

type Place = { url: string; headers: Readonly<Record<string, string>>; signal: AbortSignal; what: string };

/** The body of an address; `what` names it in failures, since its path may be a secret. */
export async function fetchText({ url, headers, signal, what }: Place): Promise<Outcome<string>> {
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
    const answer = await fetch(url, { headers, signal: deadline });
    if (!answer.ok) {
      await answer.body?.cancel();
      return refused(what, answer.status);
    }
    return ok(await boundedText(answer));
  } catch (error) {
    const why = signal.aborted ? 'it was stopped' : networkWhy(error);
    return failed('upstream', `${what} did not answer: ${why}`, 'Check the address and the way to it');
  }
}

/** A file's text. */
export async function readFileText(path: string): Promise<Outcome<string>> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_BYTES}`);
      return ok(await file.readFile('utf8'));
    } finally {
      await file.close();
    }
  } catch (error) {
    return failed('operator', `${path} can't be read: ${messageOf(error)}`, 'Correct the path, or make it readable');
  }
}

async function boundedText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refused(what: string, status: number): Outcome<never> {
  const why = `${what} answered with status ${status}`;
  if (status === 401 || status === 403) return failed('operator', why, 'Check its token, or share it with memtriage');
  if (status === 404) return failed('operator', why, 'Correct its address or id in memtriage.yaml');
  return failed('upstream', why, 'Wait, or look at it yourself');
}

/** `fetch failed` says nothing: the reason is its cause. Neither of them names the address's path. */
function networkWhy(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return error instanceof Error && error.name === 'TimeoutError'
    ? `no answer within ${DEADLINE_MS / 1000} s`
    : messageOf(cause);
}
