import type { FaultBox, FaultKind } from './faults.ts';
import { type JsonObject, stringIn } from './json.ts';
import { type Method, type MethodAnswer, refuse } from './method.ts';
import { METHODS } from './methods/all.ts';
import type { RateLimits } from './rate-limits.ts';
import type { World } from './world.ts';

/** One call as it came in and what became of it. */
export type Call = {
  /** A Web API method, `response_url` or `upload`. */
  method: string;
  /** Epoch milliseconds of its arrival. */
  at: number;
  channel?: string;
  /** The arguments as sent, without the token. */
  args: JsonObject;
  authorization: string;
  /** HTTP status; 0 when the connection was cut instead of an answer. */
  status: number;
  /** True when Slack did it, whether or not the answer arrived. */
  ok: boolean;
  error?: string;
};

export type CallRequest = { method: string; authorization: string; args: JsonObject };
/** `cut`: no answer, the connection is destroyed. */
export type CallReply = 'cut' | { status: number; headers: Readonly<Record<string, string>>; body: JsonObject };

export type Gate = { faults: FaultBox; limits: RateLimits | null; closing: AbortSignal; calls: Call[] };

/**
 * Passes a call through the faults and limits, runs `apply` unless one of them stands in the way, and writes it down.
 * Everything that talks to the workspace over HTTP comes through here.
 */
export async function passGate(
  request: CallRequest,
  { faults, limits, closing, calls }: Gate,
  { now }: Pick<World, 'now'>,
  apply: () => MethodAnswer,
): Promise<CallReply> {
  const at = now();
  const { token: _token, ...args } = request.args;
  const channel = stringIn(args, 'channel');
  const fault = faults.take({ method: request.method, channel, args });
  if (fault?.kind === 'slow') await delay(fault.ms, closing);
  const waitSeconds = fault?.kind === 'rate-limit' ? fault.retryAfterSeconds : limits?.take(request.method, channel);
  const { reply, result } = outcomeOf(fault, waitSeconds ?? null, apply);
  calls.push({
    method: request.method,
    at,
    ...(channel === null ? {} : { channel }),
    args,
    authorization: request.authorization,
    status: reply === 'cut' ? 0 : reply.status,
    ok: result.ok,
    ...(result.ok ? {} : { error: result.error }),
  });
  return reply;
}

function outcomeOf(
  fault: FaultKind | null,
  waitSeconds: number | null,
  apply: () => MethodAnswer,
): { reply: CallReply; result: MethodAnswer } {
  if (waitSeconds !== null) {
    return { reply: tooManyRequests(waitSeconds), result: refuse('ratelimited') };
  }
  if (fault?.kind === 'drop-before') return { reply: 'cut', result: refuse('connection_cut') };
  if (fault?.kind === 'http-500') return { reply: brokenServer(500), result: refuse('http_500') };
  if (fault?.kind === 'http-503') return { reply: brokenServer(503), result: refuse('http_503') };
  const result = fault?.kind === 'platform-error' ? refuse(fault.error) : apply();
  return { reply: fault?.kind === 'drop-after' ? 'cut' : toReply(result), result };
}

function tooManyRequests(seconds: number): CallReply {
  return { status: 429, headers: { 'retry-after': String(seconds) }, body: { ok: false, error: 'ratelimited' } };
}

function brokenServer(status: number): CallReply {
  return { status, headers: {}, body: { ok: false, error: status === 503 ? 'service_unavailable' : 'internal_error' } };
}

function toReply(result: MethodAnswer): CallReply {
  const body = result.ok ? { ok: true, ...result.body } : { ok: false, error: result.error, ...result.details };
  return { status: result.ok ? 200 : result.status, headers: {}, body };
}

/** Runs one Web API method for the token it came with. */
export function runMethod({ method: name, authorization, args }: CallRequest, world: World): MethodAnswer {
  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  if (method === undefined) return refuse('unknown_method', { req_method: name });
  const denied = checkToken(method, tokenOf(authorization, args), world.tokens);
  return denied === null ? method.run(args, world) : refuse(denied);
}

function tokenOf(authorization: string, args: JsonObject): string {
  return /^Bearer (.+)$/.exec(authorization)?.[1] ?? stringIn(args, 'token') ?? '';
}

function checkToken({ token: kind }: Method, token: string, tokens: World['tokens']): string | null {
  if (kind === 'none') return null;
  if (token === '') return 'not_authed';
  if (token !== tokens.bot && token !== tokens.app) return 'invalid_auth';
  return token === tokens[kind] ? null : 'not_allowed_token_type';
}

/** Resolves after `ms`, or at once when the workspace closes. */
export function delay(ms: number, closing: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (closing.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      closing.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    closing.addEventListener('abort', done);
  });
}
