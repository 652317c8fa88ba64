import { z } from 'zod';
import { ProbeCost, type VerbCost } from '../../analysis/look.ts';
import { type Failure, failed, inconclusive, type Outcome, ok } from '../../errors.ts';

/** The protocol that this collector speaks with a probe; docs/probe.md. */
export const PROTOCOL = 1;

/** Longest reply that is read: the probe's lists are bounded, so a longer one is no probe's. */
export const LARGEST_REPLY_BYTES = 1024 * 1024;

export type ProbeRequest =
  | { verb: 'ping' | 'layers' | 'runtime' | 'types' }
  | { verb: 'census'; since: string | null }
  | { verb: 'child'; since: string | null; seconds: number }
  | { verb: 'window'; token: string; seconds: number; drainSeconds: number };

/**
 * One way to reach a probe. `ask` sends one request and resolves with the reply's result, unparsed.
 * Failures: nothing listens, it may not be reached, it is silent until the deadline, it hung up, it refused.
 */
export type Transport = {
  /** For people: `the socket /run/memtriage/12.345.sock`. */
  name: string;
  ask(request: ProbeRequest, deadlineMs: number, signal: AbortSignal): Promise<ProbeReply>;
};

/** `code` tells the cases apart that a look treats differently; the Failure is for the report. */
export type ProbeReply =
  | { outcome: 'ok'; result: unknown; cost: VerbCost | null }
  | { outcome: 'failed'; code: ProbeFailure; failure: Failure };

export type ProbeFailure = 'absent' | 'refused' | 'silent' | 'hung-up' | 'protocol' | 'garbage' | 'busy' | 'aborted';

const Reply = z.discriminatedUnion('ok', [
  // Absent in probes that are older, and of questions that cost nothing.
  z.object({
    protocol: z.number(),
    ok: z.literal(true),
    result: z.unknown(),
    cost: ProbeCost.nullable().default(null),
  }),
  z.object({ protocol: z.number(), ok: z.literal(false), code: z.string(), why: z.string() }),
]);

/** The same way, which puts what each command cost into `costs`. */
export function metered(transport: Transport, costs: VerbCost[]): Transport {
  return {
    name: transport.name,
    async ask(request, deadlineMs, signal) {
      const reply = await transport.ask(request, deadlineMs, signal);
      if (reply.outcome === 'ok' && reply.cost !== null) costs.push(reply.cost);
      return reply;
    },
  };
}

/** The line of a request; `to`: the process that a relay passes it on to. */
export function toRequestLine(request: ProbeRequest, to?: number): string {
  return `${JSON.stringify({ protocol: PROTOCOL, ...request, to })}\n`;
}

/** The reply line -> its result or who must act. */
export function parseReply(line: string, name: string): ProbeReply {
  const reply = Reply.safeParse(parseJson(line));
  if (!reply.success)
    return refuse('garbage', failed('upstream', `${name} answered something that is no reply of a probe`, UPGRADE));
  const { data } = reply;
  if (data.protocol !== PROTOCOL) {
    const why = `${name} speaks protocol ${data.protocol}, this collector speaks ${PROTOCOL}`;
    return refuse(
      'protocol',
      failed('operator', why, 'restart the service with the probe directory that `memtriage probe-path` prints'),
    );
  }
  if (data.ok) {
    const cost = data.cost === null ? null : { ...data.cost, endedAt: Date.now() };
    return { outcome: 'ok', result: data.result, cost };
  }
  const why = `${name} refused: ${data.why}`;
  if (data.code === 'busy')
    return refuse('busy', inconclusive('upstream', why, 'ask again when the other look has ended'));
  if (data.code === 'unreachable')
    return refuse('absent', inconclusive('operator', why, 'check that the process lives and has a probe'));
  return refuse(data.code === 'protocol' ? 'protocol' : 'refused', failed('operator', why, UPGRADE));
}

const UPGRADE = 'use the probe and the collector of one memtriage version';

export function refuse(code: ProbeFailure, failure: Failure): ProbeReply {
  return { outcome: 'failed', code, failure };
}

/** The result of a verb in its schema; what does not fit is the probe's garbage. */
export function parseResult<T>(schema: z.ZodType<T>, result: unknown, name: string): Outcome<T> {
  const parsed = schema.safeParse(result);
  return parsed.success ? ok(parsed.data) : failed('upstream', `${name} answered with unknown fields`, UPGRADE);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
