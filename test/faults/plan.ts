/** What happens in a run and what goes wrong meanwhile, all of it from one seed. */
import { type Random, seeded } from '../../bench/detect/random.ts';
import type { Workspace } from '../../src/demo/workspace/workspace.ts';

export type SlackFault = Parameters<Workspace['faults']['add']>[0];

export type Sending = {
  afterMs: number;
  by: 'Alertmanager' | 'Grafana';
  status: 'firing' | 'resolved';
  /** Which kills it tells of, by number. One request tells of several, as a group does. */
  kills: readonly number[];
  /** Highly available senders send each notification once each, at about the same moment. */
  isDoubled: boolean;
};

/** One run: one service, its channel, what is told of it and how Slack misbehaves in its channel. */
export type RunPlan = {
  service: string;
  channel: string;
  kills: number;
  /** Both senders tell of the same kills: still one incident, and each kill counted once. */
  hasTwoWitnesses: boolean;
  isResolved: boolean;
  sendings: readonly Sending[];
  /** When a person asks, milliseconds; empty: nobody does. */
  asks: readonly { afterMs: number; by: 'command' | 'mention'; isRepeated: boolean }[];
  slackFaults: readonly SlackFault[];
};

export const WORLD_FAULTS = [
  'bot killed',
  'both bots killed',
  'collector killed',
  'Redis killed',
  'Redis connections cut',
  'Redis silent for a while',
  'Socket Mode connections dropped',
  'Socket Mode refresh asked',
] as const;
export type WorldFault = { afterMs: number; kind: (typeof WORLD_FAULTS)[number]; forMs: number };

export type Wave = { runs: readonly RunPlan[]; worldFaults: readonly WorldFault[] };

const MOST_KILLS = 6;

export type WaveOptions = {
  seed: number;
  /** Number of its first run. */
  first: number;
  runs: number;
  /** Faults of what the runs share. */
  worldFaults: number;
  /** In how long everything happens that is planned. */
  spanMs: number;
  /** Leaves out what versions from before this test did not survive. */
  isOldToo?: boolean;
};

/** Runs that are under way at the same time, and the faults of what they share. */
export function planWave({ seed, first, runs, worldFaults, spanMs, isOldToo = false }: WaveOptions): Wave {
  const random = seeded(seed * 7919 + first);
  const all = [...WORLD_FAULTS];
  // Each kind before any of them twice: a short form shows them all.
  const kinds = Array.from({ length: worldFaults }, (_, i) => all[i % all.length] ?? random.pick(all));
  return {
    runs: Array.from({ length: runs }, (_, i) => planRun(first + i, spanMs, random)).map((run) =>
      isOldToo ? gentler(run, spanMs) : run,
    ),
    worldFaults: kinds
      .map((kind) => ({ kind, afterMs: random.between(300, spanMs), forMs: random.between(300, 2500) }))
      .toSorted((a, b) => a.afterMs - b.afterMs),
  };
}

/** No end before its beginning, no error words of Slack's own, no edit that comes late, no mention. */
function gentler(run: RunPlan, spanMs: number): RunPlan {
  return {
    ...run,
    sendings: run.sendings.map((sending) =>
      sending.status === 'resolved' ? { ...sending, afterMs: sending.afterMs + 3 * spanMs } : sending,
    ),
    asks: run.asks.map((ask) => ({ ...ask, by: 'command' })),
    slackFaults: run.slackFaults.filter(
      ({ kind, method }) => kind !== 'platform-error' && (kind !== 'slow' || method !== 'chat.update'),
    ),
  };
}

function planRun(number: number, spanMs: number, random: Random): RunPlan {
  const isAsked = random.chance(0.25);
  const kills = isAsked ? 0 : Math.floor(random.between(1, MOST_KILLS + 1));
  const hasTwoWitnesses = random.chance(0.3);
  const isResolved = kills > 0 && random.chance(0.5);
  const asks = isAsked
    ? Array.from({ length: random.chance(0.3) ? 2 : 1 }, () => ({
        afterMs: random.between(0, spanMs),
        by: random.pick(['command', 'mention'] as const),
        isRepeated: random.chance(0.5),
      }))
    : [];
  const channel = channelOf(number);
  return {
    service: serviceOf(number),
    channel,
    kills,
    hasTwoWitnesses,
    isResolved,
    sendings: kills === 0 ? [] : planSendings(kills, { hasTwoWitnesses, isResolved, spanMs }, random),
    asks,
    slackFaults: Array.from({ length: Math.floor(random.between(0, 4)) }, () => planSlackFault(channel, random)),
  };
}

export const serviceOf = (number: number): string => `service-${number}`;
export const channelOf = (number: number): string => `C0RUN${number}`;

/** In any order: a firing alert may come after its own end, when its sender was slow. */
function planSendings(
  kills: number,
  { hasTwoWitnesses, isResolved, spanMs }: Pick<RunPlan, 'hasTwoWitnesses' | 'isResolved'> & { spanMs: number },
  random: Random,
): Sending[] {
  const senders: readonly Sending['by'][] = hasTwoWitnesses ? ['Alertmanager', 'Grafana'] : ['Alertmanager'];
  const statuses: readonly Sending['status'][] = isResolved ? ['firing', 'resolved'] : ['firing'];
  return senders.flatMap((by) =>
    statuses.flatMap((status) =>
      groups(kills, random).map((group) => ({
        afterMs: random.between(0, spanMs),
        by,
        status,
        kills: group,
        isDoubled: random.chance(0.5),
      })),
    ),
  );
}

/** The numbers below `count` in groups that overlap now and then: what was told is told again with what is new. */
function groups(count: number, random: Random): number[][] {
  const numbers = Array.from({ length: count }, (_, i) => i);
  const parts: number[][] = [];
  for (let from = 0; from < count; ) {
    const size = Math.floor(random.between(1, 4));
    parts.push(numbers.slice(random.chance(0.3) ? 0 : from, from + size));
    from += size;
  }
  return parts;
}

function planSlackFault(channel: string, random: Random): SlackFault {
  const method = random.pick([
    'chat.postMessage',
    'chat.postMessage',
    'chat.update',
    /^conversations\.(history|replies)$/,
  ]);
  const times = Math.floor(random.between(1, 3));
  const fault = random.pick<SlackFault>([
    { kind: 'rate-limit', retryAfterSeconds: Math.ceil(random.between(0.1, 3)) },
    { kind: 'http-500' },
    { kind: 'http-503' },
    { kind: 'drop-before' },
    { kind: 'drop-after' },
    { kind: 'drop-after' },
    { kind: 'slow', ms: random.between(200, 2000) },
    // Longer than we wait: done, and the answer comes to nobody.
    { kind: 'slow', ms: 10_700 },
    { kind: 'platform-error', error: random.pick(['internal_error', 'fatal_error', 'service_unavailable']) },
  ]);
  return { ...fault, channel, method, times: fault.kind === 'slow' ? 1 : times };
}
