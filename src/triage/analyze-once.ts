import { setImmediate } from 'node:timers/promises';
import { analyzeSeries } from '../analysis/analyze-series.ts';
import { splitSeen } from '../analysis/seen.ts';
import { settingsFrom } from '../analysis/settings.ts';
import { toSeriesCase } from '../analysis/to-series-case.ts';
import { type Outcome, ok } from '../errors.ts';
import type { AnalyzedMemory, StepContext, TriageContext } from './context.ts';

/** Reads and analyses at the first call of a walk; every later one gets the same answer. */
export function analyzeOnce(context: TriageContext): StepContext['analyze'] {
  let answer: Promise<Outcome<AnalyzedMemory>> | null = null;
  return () => {
    answer ??= analyze(context);
    return answer;
  };
}

async function analyze({ ports, service, sinceSeconds, signal, takeTurn = setImmediate }: TriageContext) {
  const read = await ports.memory.readMemory(service.name, sinceSeconds, signal);
  if (read.outcome !== 'ok') return read;
  const baseline = await ports.baselines.current(service.name);
  await takeTurn();
  const { policy } = service;
  const nowSeconds = ports.now() / 1000;
  const { memory, unseen } = splitSeen(read.value, nowSeconds);
  const seriesCase = toSeriesCase({ memory, baseline, policy, nowSeconds });
  const analysis = analyzeSeries(seriesCase, settingsFrom(policy));
  return ok<AnalyzedMemory>({ memory, unseen, baseline, seriesCase, analysis });
}
