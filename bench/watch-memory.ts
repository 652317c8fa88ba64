import type { EndReason, InstanceMemory, ServiceMemory } from '../src/analysis/memory.ts';
import type { LabelledCase } from './detect/generate.ts';

/** A labelled case as the collector would have recorded it, on the axis of the case; its traffic only where asked for. */
export function toMemory({ seriesCase }: LabelledCase, withTraffic = false): ServiceMemory {
  const { pods, deployAt, limitBytes } = seriesCase;
  const traffic = withTraffic ? seriesCase.traffic : null;
  const releaseAt = (seconds: number): string => (deployAt !== null && seconds >= deployAt ? 'v2' : 'v1');
  const instances = pods.flatMap(({ pod, samples, restarts }) => {
    const starts = [0, ...restarts.map(([at]) => at)];
    return starts.map((startedAt, i): InstanceMemory => {
      const endedAt = starts[i + 1] ?? null;
      const endReason = restarts[i] === undefined ? null : (restarts[i][1] as EndReason);
      const mine = samples.filter(([at]) => at >= startedAt && at < (endedAt ?? Number.POSITIVE_INFINITY));
      const life = { startedAt, endedAt, endReason, limitBytes, release: releaseAt(startedAt) };
      return { instance: `${pod}.${i}`, ...life, samples: mine };
    });
  });
  const kills = pods.flatMap(({ restarts }) => restarts.filter(([, reason]) => reason === 'oom').map(([at]) => at));
  return { source: 'collector', instances, limitBytes, traffic, oomKillsAt: kills, deploys: [] };
}
