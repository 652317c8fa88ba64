import { setTimeout as wait } from 'node:timers/promises';
import type { InsideLook, Look, OutsideLook, VerbCost } from '../../analysis/look.ts';
import { toLookCost } from '../../analysis/look-cost.ts';
import { toSiblingDiff } from '../../analysis/sibling-diff.ts';
import type { Snapshot } from '../../analysis/snapshot.ts';
import { grownBytes, toSnapshot, withSites } from '../../analysis/snapshot-diff.ts';
import { inconclusive, type Outcome, ok } from '../../errors.ts';
import { DEFAULT_TRACE_WINDOW, lookInside, type TraceWindow, traceInside } from './look-inside.ts';
import { metered, type Transport } from './transport.ts';

export type LookTarget = {
  pid: number;
  startTicks: number;
  /** For the report: `<pid>.<startTicks>`, or a pod. */
  instance: string;
  release: string | null;
};

export type LookContext = {
  /** The way to the probe; null when none was found, and the look stays outside. */
  transport: Transport | null;
  /** T0 of the process: what `/proc` tells. A Failure when it has ended. */
  lookOutside: (target: LookTarget) => Promise<Outcome<OutsideLook>>;
  /** Another instance of the service, looked into at the moment of the second look; its probe is asked only. */
  sibling?: { target: LookTarget; transport: Transport } | null;
  /** Between the looks. */
  windowSeconds: number;
  signal: AbortSignal;
  /** T3: a forked child reads the whole heap at each look. Default: never. */
  fork?: boolean;
  /** T2, after the looks and only when containers grew; null: never. Default: 1.5 s and a drain of 1 s. */
  traceWindow?: TraceWindow | null;
};

/**
 * Two looks into one live process, `windowSeconds` apart, and their difference. Each look is T0 (from outside, always)
 * and T1 (the probe, without tracing). A probe that is absent, silent or of another version leaves a T0 snapshot whose
 * notes say what is missing and what to change. A process that ends or is replaced between the looks is a Failure.
 */
export async function lookTwice(target: LookTarget, context: LookContext): Promise<Outcome<Snapshot>> {
  const costs: Record<'first' | 'second', VerbCost[]> = { first: [], second: [] };
  const first = await look(target, meteredBy(context, costs.first), null);
  if (first.outcome !== 'ok') return first;
  try {
    await wait(context.windowSeconds * 1000, undefined, { signal: context.signal });
  } catch {
    return inconclusive('us', 'the look was stopped before it ended', 'ask again');
  }
  const metering = meteredBy(context, costs.second);
  const [second, beside] = await Promise.all([look(target, metering, first.value.look.inside), lookBeside(context)]);
  if (second.outcome !== 'ok') return second;
  const notes = [...first.value.notes, ...second.value.notes];
  const snapshot = toSnapshot(target, first.value.look, second.value.look, notes);
  const compared = withSibling(snapshot, second.value.look.inside, beside, context);
  const traced = await traceGrowth(compared, second.value.look.inside, metering);
  const looks = [first.value.look.inside, second.value.look.inside];
  return ok({ ...traced, cost: toLookCost(costs.first, costs.second, looks, traced.longestPauseSeconds) });
}

function meteredBy(context: LookContext, costs: VerbCost[]): LookContext {
  const { transport } = context;
  return { ...context, transport: transport === null ? null : metered(transport, costs) };
}

async function lookBeside({ sibling, signal }: LookContext): Promise<Outcome<InsideLook> | null> {
  return sibling == null ? null : await lookInside(sibling.transport, sibling.target, null, { fork: false, signal });
}

function withSibling(
  snapshot: Snapshot,
  inside: InsideLook | null,
  beside: Outcome<InsideLook> | null,
  { sibling }: LookContext,
): Snapshot {
  if (sibling == null || beside === null || inside === null) return snapshot;
  if (beside.outcome === 'ok') return { ...snapshot, sibling: toSiblingDiff(sibling.target, inside, beside.value) };
  return {
    ...snapshot,
    notes: [...snapshot.notes, `sibling ${sibling.target.instance}: not compared, ${beside.why}.`],
  };
}

/** Growth of less than this in one window is not worth slowing a service down for. */
const WORTH_TRACING_BYTES = 16 * 1024;

/** T2: the allocating lines, when named containers grew. A window that is refused is told; the rest stands. */
async function traceGrowth(snapshot: Snapshot, inside: InsideLook | null, context: LookContext): Promise<Snapshot> {
  const { transport, signal, traceWindow = DEFAULT_TRACE_WINDOW } = context;
  const token = inside?.census?.token;
  const grows = snapshot.containers.some((row) => row.maxLength === null && grownBytes(row) >= WORTH_TRACING_BYTES);
  if (transport === null || traceWindow === null || token === undefined || !grows) return snapshot;
  const window = await traceInside(transport, token, traceWindow, signal);
  if (window.outcome === 'ok') return withSites(snapshot, window.value);
  return { ...snapshot, notes: [...snapshot.notes, `allocating lines: not traced, ${window.why}.`] };
}

type NotedLook = { look: Look; notes: readonly string[] };

async function look(target: LookTarget, context: LookContext, earlier: InsideLook | null): Promise<Outcome<NotedLook>> {
  const { transport, fork = false, signal } = context;
  const inside = transport === null ? null : await lookInside(transport, target, earlier, { fork, signal });
  const outside = await context.lookOutside(target);
  if (outside.outcome !== 'ok') return outside;
  if (inside === null) return ok({ look: { outside: outside.value, inside: null }, notes: [NO_PROBE, ...TOGETHER] });
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
