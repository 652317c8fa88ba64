import type { InstanceMemory, ServiceMemory } from '../../src/analysis/memory.ts';
import type { Sample } from '../../src/analysis/series.ts';

/** An instance from a function of its age, with defaults for what a test does not care about. */
export function instanceOf(
  given: Partial<InstanceMemory> & { startedAt: number; untilSeconds: number; everySeconds: number },
  bytesAt: (ageSeconds: number) => number,
): InstanceMemory {
  const { startedAt, untilSeconds, everySeconds, ...rest } = given;
  const samples: Sample[] = [];
  for (let at = startedAt + everySeconds; at <= untilSeconds; at += everySeconds) {
    samples.push([at, Math.round(bytesAt(at - startedAt) / 4096) * 4096]);
  }
  return {
    instance: `${startedAt}.1`,
    release: 'v1',
    startedAt,
    endedAt: null,
    endReason: null,
    limitBytes: null,
    samples,
    ...rest,
  };
}

export function memoryOf(instances: readonly InstanceMemory[], given: Partial<ServiceMemory> = {}): ServiceMemory {
  return { source: 'collector', instances, limitBytes: null, oomKillsAt: [], deploys: [], ...given };
}

/** Deterministic noise of about 1, by age. */
export function ripple(ageSeconds: number): number {
  return Math.sin(ageSeconds * 12.9898) * 0.7 + Math.sin(ageSeconds * 4.1414) * 0.3;
}
