import type { Baseline } from '../analysis/baseline.ts';
import { considerBaseline } from '../analysis/baseline-record.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { Snapshot } from '../analysis/snapshot.ts';
import type { TriagedService } from '../triage/context.ts';
import type { SnapshotTaker } from '../triage/ports.ts';
import { memoryAsOf } from './memory-as-of.ts';
import { baselineReadSeconds } from './pace.ts';

export type RecordBaselinePorts = {
  now: () => number;
  snapshots: SnapshotTaker;
  baselines: { set(baseline: Baseline): Promise<void> };
};

/**
 * A release that stayed within its budget over a full window after warm-up becomes the baseline, with what one of its
 * processes holds. Null where it does not qualify: most of the time.
 */
export async function recordBaseline(
  service: TriagedService,
  { memory, current }: { memory: ServiceMemory; current: Baseline | null },
  ports: RecordBaselinePorts,
  signal: AbortSignal,
): Promise<Baseline | null> {
  const { name, policy } = service;
  const nowSeconds = ports.now() / 1000;
  const recent = memoryAsOf(memory, nowSeconds, baselineReadSeconds(policy));
  const considered = considerBaseline({ memory: recent, policy, nowSeconds, current });
  if ('refused' in considered) return null;

  const { release } = considered.record;
  const census = await takeCensus(service, `${release ?? 'unnamed'}/${Math.floor(nowSeconds / 60)}`, ports, signal);
  const baseline: Baseline = {
    ...considered.record,
    schema: 1,
    service: name,
    recordedAt: new Date(ports.now()).toISOString(),
    source: 'auto',
    setBy: null,
    census,
  };
  await ports.baselines.set(baseline);
  return baseline;
}

/** What a healthy process holds, by one look; a baseline without it is still a baseline. */
async function takeCensus(
  { name, site }: TriagedService,
  key: string,
  { snapshots }: RecordBaselinePorts,
  signal: AbortSignal,
): Promise<Baseline['census']> {
  const taken = await snapshots.takeSnapshot(
    { key: `baseline/${name}/${key}`, service: name, site, instance: null },
    signal,
  );
  return taken.outcome === 'ok' ? toCensus(taken.value) : null;
}

function toCensus({ types, containers }: Snapshot): NonNullable<Baseline['census']> {
  return {
    types: types.map(({ type, count }) => ({ type, count })),
    containers: containers.map(({ path, type, length }) => ({ path, type, length })),
  };
}
