import { z } from 'zod';
import { inconclusive, type Outcome, ok } from '../../errors.ts';
import type { FarSide } from './far-side.ts';
import { runFar } from './run-far.ts';
import { PROTOCOL, parseResult, type Transport, toRequestLine } from './transport.ts';

/** A process with a probe on the far side. Its numbers are those of the far side. */
export type FarProcess = { pid: number; startTicks: number; rssBytes: number };

/** What /proc on the far side says of one process, as text. Null: it may not be read there. */
export type FarTexts = z.infer<typeof FarTexts>;
const FarTexts = z.object({
  stat: z.string(),
  status: z.string(),
  smaps: z.string().nullable(),
  openFiles: z.number().nullable(),
});
const Processes = z.object({
  processes: z.array(z.object({ pid: z.number(), startTicks: z.number(), rssBytes: z.number() })),
});

/** Of the relay itself: some files of /proc. Reading the mappings takes 40 ms a gigabyte. */
const OWN_MS = 10_000;

export type Relay = {
  name: string;
  /** The largest process that has a probe there. */
  findLargest(signal: AbortSignal): Promise<Outcome<FarProcess>>;
  /** T0 there. */
  readOutside(pid: number, signal: AbortSignal): Promise<Outcome<FarTexts>>;
  /** T1 and above: the probe of that process. */
  probe(pid: number): Transport;
};

/** The relay on the far side (src/probe/memtriage_probe/relay.py): the same JSON lines, and two questions of its own. */
export function createRelay(farSide: FarSide, env: Readonly<Record<string, string | undefined>>): Relay {
  const { name } = farSide;
  const ask = async (question: object, signal: AbortSignal) =>
    await runFar(farSide, `${JSON.stringify({ protocol: PROTOCOL, ...question })}\n`, {
      env,
      deadlineMs: OWN_MS,
      signal,
    });
  return {
    name,
    async findLargest(signal) {
      const reply = await ask({ verb: 'processes' }, signal);
      if (reply.outcome !== 'ok') return reply.failure;
      const found = parseResult(Processes, reply.result, name);
      if (found.outcome !== 'ok') return found;
      const largest = found.value.processes.toSorted((a, b) => b.rssBytes - a.rssBytes)[0];
      return largest === undefined ? nobody(name) : ok(largest);
    },
    async readOutside(pid, signal) {
      const reply = await ask({ verb: 'outside', to: pid }, signal);
      return reply.outcome === 'ok' ? parseResult(FarTexts, reply.result, name) : reply.failure;
    },
    probe: (pid) => ({
      name: `${name}, process ${pid}`,
      ask: async (request, deadlineMs, signal) =>
        await runFar(farSide, toRequestLine(request, pid), { env, deadlineMs, signal }),
    }),
  };
}

function nobody(name: string) {
  const cure = 'start the service there with the probe on PYTHONPATH and MEMTRIAGE_SOCKET_DIR set to its `sockets`';
  return inconclusive('operator', `${name}: no process there has a probe`, cure);
}
