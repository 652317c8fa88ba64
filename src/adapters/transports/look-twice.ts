import { setTimeout as wait } from 'node:timers/promises';
import type { InsideLook, Look, VerbCost } from '../../analysis/look.ts';
import { toLookCost } from '../../analysis/look-cost.ts';
import { baselineDiffNote, type HealthyCensus, toBaselineDiff, toSiblingDiff } from '../../analysis/sibling-diff.ts';
import type { Snapshot } from '../../analysis/snapshot.ts';
import { grownBytes, toSnapshot, withFirstInside, withSites } from '../../analysis/snapshot-diff.ts';
import { inconclusive, type Outcome, ok } from '../../errors.ts';
import { type KeepContext, type KeptLook, keepLook } from './kept-look.ts';
import { DEFAULT_TRACE_WINDOW, lookInside, type TraceWindow, traceInside } from './look-inside.ts';
import { type LookOnceContext, type LookTarget, lookOnce, type NotedLook } from './look-once.ts';
import { metered, type Transport } from './transport.ts';

export type { LookTarget } from './look-once.ts';

export type LookContext = LookOnceContext &
  KeepContext & {
    /** Another instance of the service, looked into at the moment of the second look; its probe is asked only. */
    sibling?: { target: LookTarget; transport: Transport } | null;
    /** What a healthy process held once: compared with where no sibling can be. */
    healthy?: HealthyCensus | null;
    /** Between the looks. */
    windowSeconds: number;
    /** T2, after the looks and only when containers grew; null: never. Default: 1.5 s and a drain of 1 s. */
    traceWindow?: TraceWindow | null;
  };

/**
 * Two looks into one live process, `windowSeconds` apart, and their difference. Each look is T0 (from outside, always)
 * and T1 (the probe, without tracing). A probe that is absent, silent or of another version leaves a T0 snapshot whose
 * notes say what is missing and what to change. What each rung saw is kept before the next one begins: a process that
 * ends or is replaced meanwhile, and a stop of ours, leave that (`brokenOff`). A Failure when nothing was seen at all.
 */
export async function lookTwice(target: LookTarget, context: LookContext): Promise<Outcome<Snapshot>> {
  const kept = keepLook(context);
  const costs: VerbCost[] = [];
  const metering = meteredBy(context, costs);
  const first = await lookOnce(target, metering, null, (rung, seen) => kept.after(rung, toPartial(target, null, seen)));
  if (first.outcome !== 'ok') return kept.breakOff(first);
  await kept.after(context.fork === true ? 'first-child' : 'first-look', toPartial(target, null, first.value));
  try {
    await wait(context.windowSeconds * 1000, undefined, { signal: context.signal });
  } catch {
    return kept.breakOff(STOPPED);
  }
  return await lookAgain(target, context, { ...first.value, costs }, kept);
}

const STOPPED = inconclusive('us', 'the look was stopped', 'ask again');

async function lookAgain(
  target: LookTarget,
  context: LookContext,
  first: NotedLook & { costs: readonly VerbCost[] },
  kept: KeptLook,
): Promise<Outcome<Snapshot>> {
  const costs: VerbCost[] = [];
  const metering = meteredBy(context, costs);
  const [second, beside] = await Promise.all([
    lookOnce(target, metering, first.look, (rung, seen) => kept.after(rung, toPartial(target, first, seen))),
    lookBeside(context),
  ]);
  if (second.outcome !== 'ok') return kept.breakOff(second);
  const { inside } = second.value.look;
  if (isAnotherProgram(first.look, second.value.look)) return kept.breakOff(ANOTHER_PROGRAM);
  if (context.signal.aborted && inside === null) return kept.breakOff(STOPPED);
  const compared = compare(toPartial(target, first, second.value), inside, beside, context);
  const traced = await traceGrowth(target, compared, { inside, context: metering, kept });
  if (traced.outcome !== 'ok') return traced;
  const { longestPauseSeconds } = traced.value;
  return ok({
    ...traced.value,
    cost: toLookCost(first.costs, costs, [first.look.inside, inside], longestPauseSeconds),
  });
}

function meteredBy(context: LookContext, costs: VerbCost[]): LookContext {
  const { transport } = context;
  return { ...context, transport: transport === null ? null : metered(transport, costs) };
}

const ANOTHER_PROGRAM = inconclusive('upstream', 'the process put another program in its place (exec)', 'ask again');

function isAnotherProgram({ outside: before }: Look, { outside: after }: Look): boolean {
  return before.stackStart !== null && after.stackStart !== null && before.stackStart !== after.stackStart;
}

function toPartial(target: LookTarget, first: NotedLook | null, { look, notes }: NotedLook): Snapshot {
  const snapshot = toSnapshot(target, first?.look ?? null, look, [...(first?.notes ?? []), ...notes]);
  return first?.look.inside != null && look.inside === null ? withFirstInside(snapshot, first.look) : snapshot;
}

async function lookBeside({ sibling, signal }: LookContext): Promise<Outcome<InsideLook> | null> {
  return sibling == null ? null : await lookInside(sibling.transport, sibling.target, null, { fork: false, signal });
}

function compare(
  snapshot: Snapshot,
  inside: InsideLook | null,
  beside: Outcome<InsideLook> | null,
  { sibling, healthy }: LookContext,
): Snapshot {
  if (inside === null) return snapshot;
  const isThere = sibling != null && beside !== null;
  if (isThere && beside.outcome === 'ok')
    return { ...snapshot, sibling: toSiblingDiff(sibling.target, inside, beside.value) };
  const notes = [...snapshot.notes];
  if (isThere && beside.outcome !== 'ok')
    notes.push(`sibling ${sibling.target.instance}: not compared, ${beside.why}.`);
  const then = healthy == null ? null : toBaselineDiff(healthy, inside);
  if (healthy != null && then !== null) notes.push(baselineDiffNote(healthy, inside, Date.parse(snapshot.takenAt)));
  return { ...snapshot, sibling: then, notes };
}

/** Growth of less than this in one window is not worth slowing a service down for. */
const WORTH_TRACING_BYTES = 16 * 1024;

type Growth = { inside: InsideLook | null; context: LookContext; kept: KeptLook };

/** T2: the allocating lines, when named containers grew. A window that is refused is told; the rest stands. */
async function traceGrowth(
  target: LookTarget,
  snapshot: Snapshot,
  { inside, context, kept }: Growth,
): Promise<Outcome<Snapshot>> {
  const { transport, signal, fork, traceWindow = DEFAULT_TRACE_WINDOW } = context;
  const token = inside?.census?.token;
  const grows = (snapshot.containers ?? []).some(
    (row) => row.maxLength === null && grownBytes(row) >= WORTH_TRACING_BYTES,
  );
  if (transport === null || traceWindow === null || token === undefined || !grows) return ok(snapshot);
  await kept.after(fork === true ? 'second-child' : 'second-look', snapshot);
  const window = await traceInside(transport, token, traceWindow, signal);
  if (window.outcome === 'ok') return ok(withSites(snapshot, window.value));
  const outside = await context.lookOutside(target);
  if (outside.outcome !== 'ok') return kept.breakOff(outside);
  return ok({ ...snapshot, notes: [...snapshot.notes, `allocating lines: not traced, ${window.why}.`] });
}
