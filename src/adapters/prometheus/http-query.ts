/** One HTTP request to a Prometheus-compatible query API, and what each way of failing means for whom. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type Failure, failed, messageOf, type Outcome, ok } from '../../errors.ts';

export type Server = {
  /** Without a slash at its end. */
  url: string;
  /** For one query, retries included. */
  deadlineSeconds: number;
};

const RETRY_AFTER_MS = [250, 1000];
/** 20 instances of 24 h at 15 s are 3 MB; what is larger by far was not meant. */
const MAX_BYTES = 64 * 2 ** 20;
/** Servers and proxies take URLs of 8 KiB and more (RFC 9112 section 3: at least 8000 octets); longer queries are posted. */
const LONGEST_URL = 4000;

const Answer = z.union([
  z.object({ status: z.literal('success'), data: z.unknown(), warnings: z.array(z.string()).optional() }),
  z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() }),
]);

/** `warnings`: what the server says of an answer that is not whole, as Thanos does when a store is away. */
export type Answered = { data: unknown; warnings: readonly string[] };

type Reply = { status: number; text: string };
type Attempt = { outcome: 'ok'; value: Answered } | (Failure & { isWorthRetrying: boolean });

/** `data` and `warnings` of the answer. `path`: `/api/v1/query` or `/api/v1/query_range`. Throws only what the signal was aborted with. */
export async function requestQuery(
  server: Server,
  path: string,
  parameters: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Outcome<Answered>> {
  const deadline = AbortSignal.timeout(Math.ceil(server.deadlineSeconds * 1000));
  const either = AbortSignal.any([signal, deadline]);
  for (let attempt = 0; ; attempt += 1) {
    const answer = await tryOnce(server, path, new URLSearchParams(parameters), either).catch((error: unknown) =>
      deadline.aborted ? tooSlow(server) : unreachable(server, error),
    );
    signal.throwIfAborted();
    if (answer.outcome === 'ok') return ok(answer.value);
    const wait = answer.isWorthRetrying ? RETRY_AFTER_MS[attempt] : undefined;
    if (wait === undefined) return toFailure(answer);
    await delay(wait, undefined, { signal: either }).catch(() => signal.throwIfAborted());
  }
}

async function tryOnce(
  server: Server,
  path: string,
  parameters: URLSearchParams,
  signal: AbortSignal,
): Promise<Attempt> {
  const url = `${server.url}${path}`;
  const isLong = url.length + parameters.toString().length > LONGEST_URL;
  const response = isLong
    ? await fetch(url, { method: 'POST', body: parameters, signal })
    : await fetch(`${url}?${parameters.toString()}`, { signal });
  return understand(server, { status: response.status, text: await readText(response) });
}

/** Throws when there is more than `MAX_BYTES`: the stream is cancelled, not read to its end. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES / 2 ** 20} MiB`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function understand(server: Server, { status, text }: Reply): Attempt {
  const answer = Answer.safeParse(toJson(text));
  if (answer.success && answer.data.status === 'success') {
    const { data, warnings = [] } = answer.data;
    return { outcome: 'ok', value: { data, warnings } };
  }
  if (status === 401 || status === 403) {
    const cure = 'Let memtriage read it, or point `prometheus.url` at an address that asks for no credentials';
    return final(failed('operator', `Prometheus at ${server.url} refuses access (HTTP ${status})`, cure));
  }
  if (answer.success && answer.data.status === 'error') return refusal(server, status, answer.data);
  if (status >= 500 || status === 429)
    return worthRetrying(failed('upstream', `Prometheus at ${server.url} fails (HTTP ${status})`, LOOK_AT_SERVER));
  const cure = 'Check `prometheus.url`: it is the address before `/api/v1`';
  return final(failed('operator', `${server.url} does not answer like Prometheus (HTTP ${status})`, cure));
}

const LOOK_AT_SERVER = 'Look at the Prometheus server, then ask again';

/** The error types of Prometheus' HTTP API (prometheus.io/docs/prometheus/latest/querying/api, "Format overview"). */
function refusal(server: Server, status: number, { errorType, error }: { errorType: string; error: string }): Attempt {
  if (errorType === 'timeout' || errorType === 'canceled') return final(tooSlow(server));
  if (errorType === 'bad_data' || errorType === 'execution') {
    return final(failed('operator', `Prometheus refuses the query: ${error}`, 'Correct the query'));
  }
  const failure = failed('upstream', `Prometheus at ${server.url} fails: ${error} (HTTP ${status})`, LOOK_AT_SERVER);
  return status >= 500 ? worthRetrying(failure) : final(failure);
}

function tooSlow(server: Server): Failure & { isWorthRetrying: false } {
  const why = `Prometheus at ${server.url} did not answer within ${server.deadlineSeconds} s`;
  return final(failed('upstream', why, 'Ask for a shorter window (`--since 6h`), or record the query by a rule'));
}

function unreachable(server: Server, error: unknown): Attempt {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const why = `Prometheus at ${server.url} can't be reached: ${messageOf(cause) || 'no answer'}`;
  return worthRetrying(failed('upstream', why, 'Check that it runs, and `prometheus.url` in the configuration'));
}

function final(failure: Failure): Failure & { isWorthRetrying: false } {
  return { ...failure, isWorthRetrying: false };
}

function worthRetrying(failure: Failure): Failure & { isWorthRetrying: true } {
  return { ...failure, isWorthRetrying: true };
}

function toFailure({ outcome, who, why, tryThis }: Failure): Failure {
  return { outcome, who, why, tryThis };
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
