import { analyzeSeries } from '../../analysis/analyze-series.ts';
import type { InstanceMemory, ServiceMemory } from '../../analysis/memory.ts';
import type { Policy } from '../../analysis/policy.ts';
import type { Growth, SeriesCase } from '../../analysis/series.ts';
import { settingsFrom } from '../../analysis/settings.ts';
import { inconclusive } from '../../errors.ts';
import type { CaptureFinding } from '../../incident/step-result.ts';
import { formatBytes, formatDuration, formatRate } from '../../units.ts';
import type { AnalyzedMemory, StepContext, StepOutcome } from '../context.ts';
import { notDone } from './not-done.ts';

const SHOWN_INSTANCES = 20;
/** NTP holds hosts within a second of each other; a sample of the future by more than this is a wrong clock's. */
const CLOCKS_DIFFER_SECONDS = 60;
const CLOCK_GAP_SECONDS = 300;

/** `capture`: the present RSS of every instance, the growth of the worst one, limit and OOM kills. */
export async function capture({ ports, service, analyze }: StepContext): Promise<StepOutcome> {
  const answer = await analyze();
  if (answer.outcome !== 'ok') return notDone(answer);
  const nowSeconds = ports.now() / 1000;
  const { policy } = service;
  const { memory, unseen, seriesCase, analysis } = answer.value;
  const live = liveInstances(memory, nowSeconds);
  const oomKills = countOomKills(memory, nowSeconds, policy.critical.withinSeconds);
  if (live.length === 0) {
    // How the instances ended counts, whether or not one runs again.
    return { ...notDone(noInstance(answer.value, nowSeconds)), finding: nothingRuns(memory, oomKills) };
  }
  const growth = analysis.growth ?? growthSoFar(seriesCase, policy);
  const aheadSeconds = newestSampleAt(live) - nowSeconds;
  const finding: CaptureFinding = {
    kind: 'capture',
    source: memory.source,
    readAt: new Date(nowSeconds * 1000).toISOString(),
    running: live.length,
    dataAgeSeconds: aheadSeconds > CLOCKS_DIFFER_SECONDS ? null : Math.max(0, -aheadSeconds),
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
    oomKills,
  };
  const figures = describe(finding, live.length, growth);
  const remarks = [
    ...(memory.sourceNote === undefined ? [] : [memory.sourceNote]),
    ...leftOut(unseen, live.length, nowSeconds),
    ...clocksDiffer(aheadSeconds),
  ];
  return { outcome: 'ok', note: remarks.length === 0 ? figures : `${figures} (${remarks.join('; ')})`, finding };
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
function liveInstances(memory: ServiceMemory, nowSeconds: number): LiveInstance[] {
  return memory.instances
    .flatMap((instance) => {
      const last = newestOf(instance, nowSeconds);
      return instance.endedAt === null && last !== undefined
        ? [{ ...instance, rssBytes: last[1], sampledAt: last[0] }]
        : [];
    })
    .sort((a, b) => b.rssBytes - a.rssBytes);
}

/**
 * The newest sample. Those of a clock that was set forward and back lie apart in the future, and are older than what came
 * after; those of one that is ahead go on from now without a gap.
 */
function newestOf({ samples }: InstanceMemory, nowSeconds: number): InstanceMemory['samples'][number] | undefined {
  const from = samples.findIndex(([at]) => at > nowSeconds + CLOCKS_DIFFER_SECONDS);
  const [past, future] = [samples[from - 1], samples[from]];
  const isApart = past !== undefined && future !== undefined && future[0] - past[0] > CLOCK_GAP_SECONDS;
  return isApart ? past : samples.at(-1);
}

function newestSampleAt(live: readonly LiveInstance[]): number {
  return Math.max(...live.map((instance) => instance.sampledAt));
}

function nothingRuns({ source }: ServiceMemory, oomKills: CaptureFinding['oomKills']): CaptureFinding {
  const nothing = { dataAgeSeconds: null, instances: [], limitBytes: null, growth: null };
  return { kind: 'capture', source, ...nothing, oomKills };
}

function noInstance({ memory, unseen }: AnalyzedMemory, nowSeconds: number) {
  const tell = (why: string, tryThis: string) => inconclusive('operator', why, tryThis);
  if (unseen.length > 0) {
    const cure = 'Look at the collector of its host, or at the scrapes of Prometheus';
    return tell(`no instance of the service was seen for ${formatDuration(sinceSeen(unseen, nowSeconds))}`, cure);
  }
  const ends = memory.instances.flatMap(({ endedAt }) => endedAt ?? []);
  const ago = ends.length === 0 ? null : formatDuration(nowSeconds - Math.max(...ends));
  // A target that is no longer scraped looks like one that ended.
  if (memory.source === 'prometheus') {
    const last = ago === null ? '' : `; the last one was scraped ${ago} ago`;
    const cure = 'Start it, or look why its target is not scraped any more';
    return tell(`no instance of the service runs, as far as Prometheus shows${last}`, cure);
  }
  const last = ago === null ? '' : `; the last one ended ${ago} ago`;
  return tell(
    `no instance of the service runs${last}`,
    'Start it, or check `sockets` of the service in the configuration',
  );
}

/** Since any of them was seen, seconds. */
function sinceSeen(unseen: readonly InstanceMemory[], nowSeconds: number): number {
  return nowSeconds - Math.max(...unseen.map(({ samples }) => samples.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY));
}

function leftOut(unseen: readonly InstanceMemory[], seen: number, nowSeconds: number): string[] {
  if (unseen.length === 0) return [];
  const [was, is] = unseen.length === 1 ? ['was', 'is'] : ['were', 'are'];
  const since = formatDuration(sinceSeen(unseen, nowSeconds));
  return [`${unseen.length} of ${unseen.length + seen} instances ${was} not seen for ${since} and ${is} left out`];
}

function countOomKills(memory: ServiceMemory, nowSeconds: number, windowSeconds: number): CaptureFinding['oomKills'] {
  if (memory.oomKillsAt === null) return null;
  return { count: memory.oomKillsAt.filter((at) => at > nowSeconds - windowSeconds).length, windowSeconds };
}

function clocksDiffer(aheadSeconds: number): string[] {
  if (aheadSeconds <= CLOCKS_DIFFER_SECONDS) return [];
  const ahead = formatDuration(aheadSeconds);
  return [`the clock of a host is ${ahead} ahead of the clock here: what it recorded after now is not judged`];
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
