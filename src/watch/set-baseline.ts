import type { Baseline } from '../analysis/baseline.ts';
import { measureBaseline } from '../analysis/baseline-record.ts';
import { inconclusive, type Outcome, ok } from '../errors.ts';
import type { TriagedService } from '../triage/context.ts';
import type { MemorySource } from '../triage/ports.ts';

/** How far back a baseline that a person sets is measured, seconds: a day shows the daily cycle. */
const WINDOW_SECONDS = 86_400;

export type SetBaselinePorts = {
  now: () => number;
  memory: MemorySource;
  baselines: { set(baseline: Baseline): Promise<void> };
};

/** Records the present memory of the running release as the baseline, because `setBy` says that it is healthy. */
export async function setBaseline(
  { name, policy }: Pick<TriagedService, 'name' | 'policy'>,
  setBy: string,
  { now, memory, baselines }: SetBaselinePorts,
  signal: AbortSignal,
): Promise<Outcome<Baseline>> {
  const answer = await memory.readMemory(name, WINDOW_SECONDS, signal);
  if (answer.outcome !== 'ok') return answer;
  const measured = measureBaseline({ memory: answer.value, policy, nowSeconds: now() / 1000 });
  if ('refused' in measured) {
    return inconclusive('user', `no baseline was set: ${measured.refused}`, 'Try again while the service runs');
  }
  const baseline: Baseline = {
    ...measured.record,
    schema: 1,
    service: name,
    recordedAt: new Date(now()).toISOString(),
    source: 'manual',
    setBy,
    census: null,
  };
  await baselines.set(baseline);
  return ok(baseline);
}
