import { analyzeSeries } from '../../analysis/analyze-series.ts';
import type { InstanceMemory, ServiceMemory } from '../../analysis/memory.ts';
import type { Policy } from '../../analysis/policy.ts';
import type { Growth, SeriesCase } from '../../analysis/series.ts';
import { settingsFrom } from '../../analysis/settings.ts';
import type { CaptureFinding } from '../../incident/step-result.ts';
import { formatBytes, formatDuration, formatRate } from '../../units.ts';
import type { StepContext, StepOutcome } from '../context.ts';
import { notDone } from './not-done.ts';

const SHOWN_INSTANCES = 20;

/** `capture`: the present RSS of every instance, the growth of the worst one, limit and OOM kills. */
export async function capture({ ports, service, analyze }: StepContext): Promise<StepOutcome> {
  const answer = await analyze();
  if (answer.outcome !== 'ok') return notDone(answer);
  const nowSeconds = ports.now() / 1000;
  const { policy } = service;
  const { memory, seriesCase, analysis } = answer.value;
  const live = liveInstances(memory);
  if (live.length === 0) return notDone(noInstance(memory, nowSeconds));

  const growth = analysis.growth ?? growthSoFar(seriesCase, policy);
  const finding: CaptureFinding = {
    kind: 'capture',
    source: memory.source,
    dataAgeSeconds: Math.max(0, nowSeconds - newestSampleAt(live)),
    instances: live.slice(0, SHOWN_INSTANCES).map(({ instance, rssBytes, release, startedAt }) => ({
      instance,
      bytes: rssBytes,
      release,
      startedAt: startedAt === null ? null : new Date(startedAt * 1000).toISOString(),
    })),
    limitBytes: memory.limitBytes,
    ...(memory.hosts === undefined ? {} : { hosts: [...memory.hosts] }),
    ...(memory.nodes === undefined ? {} : { nodes: memory.nodes }),
    growth,
    oomKills: countOomKills(memory, nowSeconds, policy.critical.withinSeconds),
  };
  const figures = describe(finding, live.length, growth);
  return {
    outcome: 'ok',
    note: memory.sourceNote === undefined ? figures : `${figures} (${memory.sourceNote})`,
    finding,
  };
}

/**
 * While there is too little for a growth that a verdict could rest on: what was seen so far, with the start-up in it.
 * People want the figure, and `compare` says why it proves nothing yet.
 */
function growthSoFar(seriesCase: SeriesCase, policy: Policy): Growth | null {
  return analyzeSeries(seriesCase, settingsFrom({ ...policy, warmUpSeconds: 0 })).growth;
}

type LiveInstance = InstanceMemory & { rssBytes: number; sampledAt: number };

/** Instances that have not ended, largest first. */
function liveInstances(memory: ServiceMemory): LiveInstance[] {
  return memory.instances
    .flatMap((instance) => {
      const last = instance.samples.at(-1);
      return instance.endedAt === null && last !== undefined
        ? [{ ...instance, rssBytes: last[1], sampledAt: last[0] }]
        : [];
    })
    .sort((a, b) => b.rssBytes - a.rssBytes);
}

function newestSampleAt(live: readonly LiveInstance[]): number {
  return Math.max(...live.map((instance) => instance.sampledAt));
}

function noInstance(memory: ServiceMemory, nowSeconds: number) {
  const ends = memory.instances.flatMap(({ endedAt }) => endedAt ?? []);
  const last = ends.length === 0 ? '' : `; the last one ended ${formatDuration(nowSeconds - Math.max(...ends))} ago`;
  return {
    outcome: 'inconclusive',
    who: 'operator',
    why: `no instance of the service runs${last}`,
    tryThis: 'Start it, or check `sockets` of the service in the configuration',
  } as const;
}

function countOomKills(memory: ServiceMemory, nowSeconds: number, windowSeconds: number): CaptureFinding['oomKills'] {
  if (memory.oomKillsAt === null) return null;
  return { count: memory.oomKillsAt.filter((at) => at > nowSeconds - windowSeconds).length, windowSeconds };
}

function describe(finding: CaptureFinding, instances: number, growth: Growth | null): string {
  const worst = finding.instances[0];
  const rss = worst === undefined ? 'RSS unknown' : `RSS ${formatBytes(worst.bytes)}`;
  const of = instances > 1 ? ` (largest of ${instances})` : '';
  const rate =
    growth === null
      ? 'growth not measurable yet'
      : `${formatRate(growth.bytesPerHour)} over ${formatDuration(growth.windowSeconds)}`;
  return `${rss}${of}, ${rate}`;
}
