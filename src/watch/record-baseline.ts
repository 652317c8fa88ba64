import type { Baseline } from '../analysis/baseline.ts';
import { type BaselineRecord, considerBaseline } from '../analysis/baseline-record.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { TriagedService } from '../triage/context.ts';
import { memoryAsOf } from './memory-as-of.ts';
import { baselineReadSeconds } from './pace.ts';

export type RecordBaselinePorts = {
  now: () => number;
  baselines: {
    /** Newest first. */
    list(service: string): Promise<readonly { baseline: Baseline; isCurrent: boolean }[]>;
    set(baseline: Baseline): Promise<void>;
  };
};

/**
 * A release that stayed within its budget over a full window after warm-up becomes the baseline. Null where it does not
 * qualify, most of the time, and where a person went back to the baseline before it.
 */
export async function recordBaseline(
  { name, policy }: TriagedService,
  { memory, current }: { memory: ServiceMemory; current: Baseline | null },
  ports: RecordBaselinePorts,
): Promise<Baseline | null> {
  const nowSeconds = ports.now() / 1000;
  const recent = memoryAsOf(memory, nowSeconds, baselineReadSeconds(policy));
  const considered = considerBaseline({ memory: recent, policy, nowSeconds, current });
  if ('refused' in considered || (await wasTakenBack(considered.record, name, ports))) return null;

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

/** What is newer than the one in force was reverted: only a person may set that release again. */
async function wasTakenBack({ release }: BaselineRecord, service: string, { baselines }: RecordBaselinePorts) {
  const known = await baselines.list(service);
  const inForce = known.findIndex(({ isCurrent }) => isCurrent);
  return known.slice(0, Math.max(0, inForce)).some(({ baseline }) => baseline.release === release);
}
