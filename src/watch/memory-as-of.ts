import type { InstanceMemory, ServiceMemory } from '../analysis/memory.ts';
import type { Sample } from '../analysis/series.ts';

/**
 * The recorded memory as a reader saw it at `nowSeconds` who looked back for `windowSeconds`: nothing later is in it.
 * Epoch seconds. Logarithmic in the samples outside the window, linear in those inside.
 */
export function memoryAsOf(memory: ServiceMemory, nowSeconds: number, windowSeconds: number): ServiceMemory {
  const since = nowSeconds - windowSeconds;
  const instances = memory.instances
    .filter((instance) => startOf(instance) <= nowSeconds && (instance.endedAt ?? nowSeconds) >= since)
    .map((instance): InstanceMemory => {
      const hasEnded = instance.endedAt !== null && instance.endedAt <= nowSeconds;
      return {
        ...instance,
        endedAt: hasEnded ? instance.endedAt : null,
        endReason: hasEnded ? instance.endReason : null,
        samples: between(instance.samples, since, nowSeconds),
      };
    });
  return {
    ...memory,
    instances,
    traffic: memory.traffic == null ? null : between(memory.traffic, since, nowSeconds),
    oomKillsAt: memory.oomKillsAt?.filter((at) => at >= since && at <= nowSeconds) ?? null,
    deploys: memory.deploys.filter(({ at }) => at <= nowSeconds),
  };
}

function startOf({ startedAt, samples }: InstanceMemory): number {
  return startedAt ?? samples[0]?.[0] ?? Number.POSITIVE_INFINITY;
}

/** Samples from `since` to `until`, both included. */
function between<T extends Sample>(samples: readonly T[], since: number, until: number): readonly T[] {
  const from = firstWhere(samples, (seconds) => seconds >= since);
  return samples.slice(
    from,
    firstWhere(samples, (seconds) => seconds > until),
  );
}

/** Index of the first sample that `holds`, where all after it do too. */
function firstWhere(samples: readonly Sample[], holds: (seconds: number) => boolean): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(samples[middle]?.[0] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}
