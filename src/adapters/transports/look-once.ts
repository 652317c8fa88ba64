import type { InsideLook, Look, OutsideLook } from '../../analysis/look.ts';
import type { Rung } from '../../analysis/snapshot.ts';
import { type Outcome, ok } from '../../errors.ts';
import { lookInside } from './look-inside.ts';
import type { Transport } from './transport.ts';

export type LookTarget = {
  pid: number;
  startTicks: number;
  /** For the report: `<pid>.<startTicks>`, or a pod. */
  instance: string;
  release: string | null;
};

export type LookOnceContext = {
  /** The way to the probe; null when none was found, and the look stays outside. */
  transport: Transport | null;
  /** T0 of the process: what `/proc` tells. A Failure when it has ended. */
  lookOutside: (target: LookTarget) => Promise<Outcome<OutsideLook>>;
  /** T3: a forked child reads the whole heap. Default: never. */
  fork?: boolean;
  signal: AbortSignal;
};

export type NotedLook = { look: Look; notes: readonly string[] };
/** Takes what is known after a rung; the next one waits for it. */
export type AfterRung = (rung: Rung, seen: NotedLook) => Promise<void>;

/**
 * One look, rung by rung: T0, T1 and, where it is allowed, T3. `earlier`: the first look, when this is the second.
 * A Failure only when the process has ended or was replaced: a probe that can't be asked is a note.
 */
export async function lookOnce(
  target: LookTarget,
  context: LookOnceContext,
  earlier: Look | null,
  after: AfterRung,
): Promise<Outcome<NotedLook>> {
  const { transport, fork = false, lookOutside, signal } = context;
  const isFirst = earlier === null;
  if (isFirst || transport === null) {
    const outside = await lookOutside(target);
    if (outside.outcome !== 'ok') return outside;
    const notes = transport === null ? [NO_PROBE, ...TOGETHER] : TOGETHER;
    const seen = { look: { outside: outside.value, inside: null }, notes };
    if (isFirst) await after('outside', seen);
    if (transport === null) return ok(seen);
  }
  const beforeFork = async (seen: InsideLook): Promise<void> => {
    const outside = await lookOutside(target);
    if (outside.outcome !== 'ok') return;
    await after(isFirst ? 'first-look' : 'second-look', { look: { outside: outside.value, inside: seen }, notes: [] });
  };
  const inside = await lookInside(transport, target, earlier?.inside ?? null, { fork, beforeFork, signal });
  // After the probe's own work, which may take memory: the next look's difference is then the service's.
  const outside = await lookOutside(target);
  if (outside.outcome !== 'ok') return outside;
  if (inside.outcome === 'ok') return ok({ look: { outside: outside.value, inside: inside.value }, notes: [] });
  const notes = [`inside of the process: not seen, ${inside.why}. ${sentence(inside.tryThis)}`, ...TOGETHER];
  return ok({ look: { outside: outside.value, inside: null }, notes });
}

const NO_PROBE =
  'inside of the process: not seen, it has no probe. Start the service with the directory of `memtriage probe-path` on PYTHONPATH and MEMTRIAGE_SOCKET_DIR set.';
const TOGETHER = [
  'layers: from outside, Python objects, free memory of the allocators and native memory are not told apart.',
];

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
