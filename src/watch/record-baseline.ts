import type { Baseline } from '../analysis/baseline.ts';
import { considerBaseline } from '../analysis/baseline-record.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { TriagedService } from '../triage/context.ts';
import { memoryAsOf } from './memory-as-of.ts';
import { baselineReadSeconds } from './pace.ts';

export type RecordBaselinePorts = {
  now: () => number;
  baselines: { set(baseline: Baseline): Promise<void> };
};

/**
 * A release that stayed within its budget over a full window after warm-up becomes the baseline. Null where it does not
 * qualify: most of the time.
 */
export async function recordBaseline(
  { name, policy }: TriagedService,
  { memory, current }: { memory: ServiceMemory; current: Baseline | null },
  ports: RecordBaselinePorts,
): Promise<Baseline | null> {
  const nowSeconds = ports.now() / 1000;
  const recent = memoryAsOf(memory, nowSeconds, baselineReadSeconds(policy));
  const considered = considerBaseline({ memory: recent, policy, nowSeconds, current });
  if ('refused' in considered) return null;

  const baseline: Baseline = {
    ...considered.record,
    schema: 1,
    service: name,
    recordedAt: new Date(ports.now()).toISOString(),
    source: 'auto',
    setBy: null,
    census: null,
  };
  await ports.baselines.set(baseline);
  return baseline;
}
