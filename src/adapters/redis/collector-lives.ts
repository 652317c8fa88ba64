import type { ServiceMemory } from '../../analysis/memory.ts';
import type { InstanceRecord } from './instance-store.ts';

/**
 * Deploys in order of time: a release is deployed when it starts while no instance of it runs and another release was
 * deployed last. So a rolled back release shows up again, and a recycled worker of the old one does not.
 */
export function toDeploys(records: readonly InstanceRecord[]): ServiceMemory['deploys'] {
  const deploys: { release: string; at: number }[] = [];
  const runsUntil = new Map<string, number>();
  for (const { release, startedAt, endedAt } of [...records].sort((a, b) => a.startedAt - b.startedAt)) {
    if (release === null) continue;
    const until = runsUntil.get(release) ?? Number.NEGATIVE_INFINITY;
    if (until < startedAt && deploys.at(-1)?.release !== release) deploys.push({ release, at: startedAt });
    runsUntil.set(release, Math.max(until, endedAt ?? Number.POSITIVE_INFINITY));
  }
  return deploys;
}
