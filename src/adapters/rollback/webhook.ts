/** Rolls back by a signed webhook: an order with an idempotency key, an address to ask, and its state until it ended. */
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { type Failure, failed, type Outcome, ok } from '../../errors.ts';
import {
  type ActContext,
  type ActEnd,
  type ActStatus,
  type DryRun,
  type RollbackExecutor,
  type RollbackOrder,
  untouched,
} from '../../mitigation/executor.ts';
import { untilEnd } from './until-end.ts';
import { type Answer, placeOf, request } from './webhook-http.ts';

const DEADLINE_SECONDS = 900;
const POLL_SECONDS = 5;
/** Between tries to hand the order over: it carries the same key each time. */
const HAND_OVER_AGAIN_MS = [500, 2000];
const MAX_MESSAGE = 300;

const Message = z
  .string()
  .nullish()
  .transform((text) => (text ?? '').slice(0, MAX_MESSAGE));
const Accepted = z.object({ idempotency_key: z.string(), status_url: z.string() });
const State = z.object({
  idempotency_key: z.string(),
  state: z.enum(['accepted', 'running', 'done', 'failed']),
  message: Message,
});
const Rehearsed = z.object({
  idempotency_key: z.string(),
  dry_run: z.literal(true),
  ok: z.boolean(),
  message: Message,
});

export type WebhookOptions = {
  url: string;
  secret: string;
  /** From the order to its end. Default 15 min. */
  deadlineSeconds?: number;
  pollSeconds?: number;
};

export function createWebhookExecutor(options: WebhookOptions): RollbackExecutor {
  const patience = {
    everySeconds: options.pollSeconds ?? POLL_SECONDS,
    deadlineSeconds: options.deadlineSeconds ?? DEADLINE_SECONDS,
  };
  const look = (order: RollbackOrder, statusUrl: string, signal: AbortSignal) =>
    askState(order, statusUrl, options.secret, signal);

  async function status(order: RollbackOrder, { receipt, signal }: ActContext): Promise<ActStatus> {
    const statusUrl = await receipt.read();
    if (statusUrl !== null) return await look(order, statusUrl, signal);
    return { state: 'not-begun', message: 'the order was not seen to arrive', mayBeDone: true };
  }

  async function follow(order: RollbackOrder, context: ActContext): Promise<ActEnd> {
    return await untilEnd(() => status(order, context), context, patience);
  }

  return {
    status,
    follow,
    dryRun: async (order, signal) => toDryRun(order, await post(order, { ...options, dryRun: true }, signal)),
    async act(order, context) {
      const answer = await handOver(order, options, context.signal);
      if (answer.outcome !== 'ok') return { state: 'unknown', message: `${answer.why}; it may have the order` };
      if (answer.value.status !== 202) return refused(answer.value, options.url);
      const statusUrl = readStatusUrl(order, answer.value, options.url);
      if (statusUrl.outcome !== 'ok') return { state: 'unknown', message: `${statusUrl.why}; it may have the order` };
      await context.receipt.write(statusUrl.value);
      context.progress(`${placeOf(options.url)} has the order`);
      return await follow(order, context);
    },
  };
}

/** Again when it could not be reached or is overloaded: it may have the order, so it gets the very same one. */
async function handOver(order: RollbackOrder, options: WebhookOptions, signal: AbortSignal): Promise<Outcome<Answer>> {
  for (let attempt = 0; ; attempt += 1) {
    const answer = await post(order, { ...options, dryRun: false }, signal);
    // An answer that is not believed stays so: only what could not be reached is asked again.
    const isFinal = answer.outcome === 'ok' ? answer.value.status < 500 : answer.who === 'operator';
    const pause = HAND_OVER_AGAIN_MS[attempt];
    if (isFinal || pause === undefined)
      return answer.outcome === 'ok' && !isFinal ? broken(answer.value, options.url) : answer;
    await wait(pause, undefined, { signal });
  }
}

async function post(
  { key, service, incident, from, to, requestedBy, approvedBy }: RollbackOrder,
  { url, secret, dryRun }: { url: string; secret: string; dryRun: boolean },
  signal: AbortSignal,
): Promise<Outcome<Answer>> {
  const order = { action: 'rollback', dry_run: dryRun, service, from, to, incident };
  const people = { requested_by: requestedBy, approved_by: approvedBy };
  const body = JSON.stringify({ ...order, ...people, idempotency_key: key });
  const headers = { 'content-type': 'application/json', 'Idempotency-Key': dryRun ? `${key}/dry-run` : key };
  return await request({ method: 'POST', url, body, headers }, secret, signal);
}

async function askState(order: RollbackOrder, url: string, secret: string, signal: AbortSignal): Promise<ActStatus> {
  const answer = await request({ method: 'GET', url, body: '', headers: {} }, secret, signal);
  if (answer.outcome !== 'ok') throw new Error(answer.why);
  const state = answer.value.status === 200 ? State.safeParse(toJson(answer.value.text)) : null;
  if (state?.success !== true) throw new Error(`${placeOf(url)} answered HTTP ${answer.value.status} and no state`);
  if (state.data.idempotency_key !== order.key) throw new Error(`${placeOf(url)} tells of another order`);
  const message = state.data.message === '' ? `${placeOf(url)} says ${state.data.state}` : state.data.message;
  if (state.data.state === 'done') return { state: 'done', message };
  return state.data.state === 'failed' ? { state: 'failed', message } : { state: 'under-way', message };
}

/** Only where the order went: an answer that points elsewhere would let somebody else tell its end. */
function readStatusUrl(order: RollbackOrder, { text }: Answer, url: string): Outcome<string> {
  const accepted = Accepted.safeParse(toJson(text));
  if (!accepted.success) return strange(url, 'HTTP 202 without `idempotency_key` and `status_url`');
  const { idempotency_key: key, status_url: statusUrl } = accepted.data;
  if (key !== order.key) return strange(url, 'HTTP 202 for another order');
  const place = URL.canParse(statusUrl, url) ? new URL(statusUrl, url) : null;
  if (place?.origin !== new URL(url).origin) return strange(url, 'a `status_url` of another origin');
  return ok(place.href);
}

function toDryRun(order: RollbackOrder, answer: Outcome<Answer>): DryRun {
  const told = (outcome: Outcome<string>): DryRun => ({ outcome, managedBy: null, isRollingOut: null });
  if (answer.outcome !== 'ok') return told(answer);
  const { status, text } = answer.value;
  const said = Rehearsed.safeParse(toJson(text));
  if (status !== 200 || !said.success || said.data.idempotency_key !== order.key) {
    const cure = 'Answer a request with `dry_run: true` by HTTP 200 {"idempotency_key","dry_run":true,"ok","message"}';
    return told(
      failed('operator', `the rollback webhook answered HTTP ${status} to a dry run, and not as agreed`, cure),
    );
  }
  if (said.data.ok) return told(ok(said.data.message || `the webhook would roll ${order.service} back to ${order.to}`));
  return told(failed('upstream', `the rollback webhook would refuse: ${said.data.message}`, 'Roll back by hand'));
}

function refused({ status, text }: Answer, url: string): ActEnd {
  const said = z.object({ message: Message }).safeParse(toJson(text));
  const why = said.success && said.data.message !== '' ? `: "${said.data.message}"` : '';
  if (status >= 400) {
    return untouched(`${placeOf(url)} refused the order (HTTP ${status})${why}; nothing was changed`);
  }
  return {
    state: 'unknown',
    message: `${placeOf(url)} answered HTTP ${status} where 202 was agreed; it may have the order`,
  };
}

function broken({ status }: Answer, url: string): Failure {
  return failed('upstream', `${placeOf(url)} answered HTTP ${status} three times`, 'Look whether it took the order');
}

function strange(url: string, what: string): Failure {
  const why = `${placeOf(url)} is not believed: it answered ${what}`;
  return failed('operator', why, 'Answer as docs/rollback.md says');
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
