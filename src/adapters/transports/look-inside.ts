import type { z } from 'zod';
import {
  type InsideLook,
  ProbeCensus,
  ProbeChild,
  ProbeIdentity,
  ProbeLayers,
  ProbeRuntime,
  ProbeTypes,
  ProbeWindow,
} from '../../analysis/look.ts';
import { inconclusive, type Outcome, ok } from '../../errors.ts';
import { type ProbeReply, type ProbeRequest, parseResult, type Transport } from './transport.ts';

/** A ping is answered in under a millisecond; a garbage collection of a large heap holds it up for 0.2 s. */
const PING_DEADLINE_MS = 2_000;
/** Layers, counters and counts: some milliseconds of work, on a busy interpreter some switch intervals of 5 ms. */
const VERB_DEADLINE_MS = 5_000;
/** A census of 2,000 modules takes 0.7 s on an idle interpreter; under load it waits for the lock between its slices. */
const CENSUS_DEADLINE_MS = 20_000;
const ATTEMPTS = 2;

/** A forked child reads a heap of 5M objects in some seconds; it ends itself after these. */
const CHILD_SECONDS = 15;

export type InsideOptions = {
  /** T3 too: a forked child that reads the whole heap. */
  fork: boolean;
  /** Gets what T1 told before the process is forked, which waits for it. */
  beforeFork?: (seen: InsideLook) => Promise<void>;
  signal: AbortSignal;
};

/**
 * T1: one look by the probe, verb by verb, each answer kept even if the next one fails. `earlier`: the first look, when
 * this is the second. A Failure only when the probe can't be asked at all, or is that of another process.
 */
export async function lookInside(
  transport: Transport,
  target: { pid: number; startTicks: number },
  earlier: InsideLook | null,
  { fork, beforeFork, signal }: InsideOptions,
): Promise<Outcome<InsideLook>> {
  const notes: string[] = [];
  const identity = await askFor(transport, signal, ProbeIdentity, { verb: 'ping' }, PING_DEADLINE_MS);
  if (identity.outcome !== 'ok') return identity;
  if (identity.value.startTicks !== target.startTicks) {
    const why = `${transport.name} belongs to another process than ${target.pid}`;
    return inconclusive('upstream', why, 'ask again: the instance was replaced');
  }
  const since = earlier?.census?.token ?? null;
  const layers = await orNote('layers', askFor(transport, signal, ProbeLayers, { verb: 'layers' }, VERB_DEADLINE_MS));
  const runtime = await orNote(
    'garbage collector',
    askFor(transport, signal, ProbeRuntime, { verb: 'runtime' }, VERB_DEADLINE_MS),
  );
  const types = await orNote('type counts', askFor(transport, signal, ProbeTypes, { verb: 'types' }, VERB_DEADLINE_MS));
  const census = await orNote(
    'containers',
    askFor(transport, signal, ProbeCensus, { verb: 'census', since }, CENSUS_DEADLINE_MS),
  );
  if (types?.why !== null && types?.why !== undefined) notes.push(`type counts: not taken, ${types.why}.`);
  if (census?.isComplete === false)
    notes.push('containers: the census was cut short, the program has too many objects in reach of its modules.');
  if (since !== null && census?.since === null)
    notes.push('containers: the first census had expired, growth is not known.');
  const seen = { identity: identity.value, layers, runtime, census, types, child: null, notes: [...notes] };
  if (!fork) return ok(seen);
  await beforeFork?.(seen);
  const child = await orNote('forked child', askChild(transport, earlier, signal));
  return ok({ ...seen, child, notes: [...notes, ...notesOf(child)] });

  async function orNote<T>(what: string, asked: Promise<Outcome<T>>): Promise<T | null> {
    const outcome = await asked;
    if (outcome.outcome === 'ok') return outcome.value;
    notes.push(`${what}: not measured, ${outcome.why}.`);
    return null;
  }
}

function askChild(transport: Transport, earlier: InsideLook | null, signal: AbortSignal): Promise<Outcome<ProbeChild>> {
  const request = { verb: 'child', since: earlier?.child?.token ?? null, seconds: CHILD_SECONDS } as const;
  return askFor(transport, signal, ProbeChild, request, VERB_DEADLINE_MS + CHILD_SECONDS * 1000);
}

const ENDED: Record<string, string> = {
  died: 'it was killed, or the service forked meanwhile',
  deadline: `it was not done after ${CHILD_SECONDS} s`,
  headroom: 'memory became short, so it was killed',
};

function notesOf(child: ProbeChild | null): string[] {
  if (child === null) return [];
  const told = child.notes.map((note) => `forked child: ${note}.`);
  if (child.endedBy === 'done') return told;
  return [...told, `forked child: ended early, ${ENDED[child.endedBy] ?? child.endedBy}.`];
}

/** Seconds of tracing and of the drain after it: enough for 20 leaks at one a 75 ms, and for requests in flight to end. */
export type TraceWindow = { seconds: number; drainSeconds: number };
export const DEFAULT_TRACE_WINDOW: TraceWindow = { seconds: 1.5, drainSeconds: 1 };

/** T2: which lines allocated what stays, and the newest entries of the containers that grew up to this census. */
export function traceInside(
  transport: Transport,
  token: string,
  window: TraceWindow,
  signal: AbortSignal,
): Promise<Outcome<ProbeWindow>> {
  const deadlineMs = VERB_DEADLINE_MS + (window.seconds + window.drainSeconds) * 1000;
  return askFor(transport, signal, ProbeWindow, { verb: 'window', token, ...window }, deadlineMs);
}

async function askFor<T>(
  transport: Transport,
  signal: AbortSignal,
  schema: z.ZodType<T>,
  request: ProbeRequest,
  deadlineMs: number,
): Promise<Outcome<T>> {
  const reply = await askPatiently(transport, request, deadlineMs, signal);
  return reply.outcome === 'ok' ? parseResult(schema, reply.result, transport.name) : reply.failure;
}

async function askPatiently(
  transport: Transport,
  request: ProbeRequest,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<ProbeReply> {
  let reply = await transport.ask(request, deadlineMs, signal);
  for (let attempt = 1; attempt < ATTEMPTS && isPassing(reply); attempt += 1) {
    reply = await transport.ask(request, deadlineMs, signal);
  }
  return reply;
}

/** The service closed the probe's descriptors: the connection is lost, and the probe listens again at once. */
function isPassing(reply: ProbeReply): boolean {
  return reply.outcome === 'failed' && reply.code === 'hung-up';
}
