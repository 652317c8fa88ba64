import type { Baseline } from '../analysis/baseline.ts';
import { considerBaseline } from '../analysis/baseline-record.ts';
import { baselineWindowSeconds } from '../analysis/policy.ts';
import type { Snapshot } from '../analysis/snapshot.ts';
import type { TriagedService } from '../triage/context.ts';
import type { MemorySource, SnapshotTaker } from '../triage/ports.ts';

/** What watching needs of the outside world. */
export type WatchPorts = {
  now: () => number;
  memory: MemorySource;
  snapshots: SnapshotTaker;
  baselines: { current(service: string): Promise<Baseline | null>; set(baseline: Baseline): Promise<void> };
  incidents: { openOf(service: string): Promise<{ id: string } | null> };
};

export type Watched = { baseline: Baseline } | { nothing: string };

/**
 * One look at one service while nobody asks: a release that stayed within its budget over a full window after warm-up
 * becomes the baseline. Never while an incident is open: what an incident is about must not become "healthy".
 */
export async function watchService(service: TriagedService, ports: WatchPorts, signal: AbortSignal): Promise<Watched> {
  const open = await ports.incidents.openOf(service.name);
  if (open !== null) return { nothing: `incident ${open.id} is open` };

  const answer = await ports.memory.readMemory(service.name, windowToRead(service), signal);
  if (answer.outcome !== 'ok') return { nothing: answer.why };

  const current = await ports.baselines.current(service.name);
  const nowSeconds = ports.now() / 1000;
  const considered = considerBaseline({ memory: answer.value, policy: service.policy, nowSeconds, current });
  if ('refused' in considered) return { nothing: considered.refused };

  const { release } = considered.record;
  const census = await takeCensus(service, `${release ?? 'unnamed'}/${Math.floor(nowSeconds / 60)}`, ports, signal);
  const baseline: Baseline = {
    ...considered.record,
    schema: 1,
    service: service.name,
    recordedAt: new Date(ports.now()).toISOString(),
    source: 'auto',
    setBy: null,
    census,
  };
  await ports.baselines.set(baseline);
  return { baseline };
}

/** Warm-up, the window itself, and as much again: enough to see the lives that are compared. */
function windowToRead({ policy }: TriagedService): number {
  return 2 * (policy.warmUpSeconds + baselineWindowSeconds(policy));
}

/** What a healthy process holds, by one look; a baseline without it is still a baseline. */
async function takeCensus(
  { name, site }: TriagedService,
  key: string,
  { snapshots }: WatchPorts,
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
