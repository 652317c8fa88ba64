/** Prometheus as a source of recorded memory and as the answerer of a runbook's own queries. */
import type { Logger } from 'pino';
import type { InstanceMemory, ServiceMemory } from '../../analysis/memory.ts';
import { tightestLimit } from '../../analysis/seen.ts';
import type { Metrics } from '../../config/config.ts';
import { type Failure, failed, inconclusive, type Outcome, ok } from '../../errors.ts';
import type { MemorySource, QueryRunner } from '../../triage/ports.ts';
import type { Server } from './http-query.ts';
import { toInstances } from './lives.ts';
import { toOomKills } from './oom-kills.ts';
import { queryRequestRate } from './request-rate.ts';
import {
  type LabelledSeries,
  queryNow,
  queryRange,
  type Ranged,
  toWindow,
  type Window,
  warningText,
} from './series-query.ts';

export type Prometheus = QueryRunner &
  MemorySource & {
    /** `[epochSeconds, rate]` of the service's load; null where no query is configured. No data is a Failure. */
    readTraffic(
      service: string,
      sinceSeconds: number,
      signal: AbortSignal,
    ): Promise<Outcome<NonNullable<ServiceMemory['traffic']>> | null>;
  };

/** A triage waits for several queries at once, and should show figures within seconds. */
const DEADLINE_SECONDS = 10;

export type MeasuredService = { limitBytes: number | null; metrics: Metrics | null };

type Options = {
  /** Without a slash at its end. */
  url: string;
  services: ReadonlyMap<string, MeasuredService>;
  logger: Logger;
  /** Epoch milliseconds. */
  now?: () => number;
  deadlineSeconds?: number;
};

/** Opens nothing: each query is one request of its own, with at most two retries before the deadline (10 s). */
export function createPrometheus(options: Options): Prometheus {
  const { url, services, logger, now = Date.now, deadlineSeconds = DEADLINE_SECONDS } = options;
  const server = { url, deadlineSeconds };
  return {
    queryInstant: (promql, signal) => queryNow(server, promql, signal),
    async readTraffic(service, sinceSeconds, signal) {
      const promql = services.get(service)?.metrics?.traffic ?? null;
      if (promql === null) return null;
      const answer = await queryRequestRate(server, promql, toWindow(now() / 1000, sinceSeconds), signal);
      return answer.outcome === 'ok' ? answer : named(answer, service, 'traffic');
    },
    async readMemory(service, sinceSeconds, signal) {
      const configured = services.get(service);
      if (configured === undefined) {
        return failed('user', `no service is called ${service}`, 'Look at the names in `services` of memtriage.yaml');
      }
      const { metrics, limitBytes } = configured;
      if (metrics === null || metrics.rss === null) {
        const cure = `Add a PromQL query as services.${service}.metrics.rss`;
        return failed('operator', `the configuration has no query for the memory of ${service}`, cure);
      }
      const window = toWindow(now() / 1000, sinceSeconds);
      const answers = await queryAll(server, { ...metrics, rss: metrics.rss }, window, signal);
      if (answers.rss.outcome !== 'ok') return named(answers.rss, service, 'rss');
      const rss = measured(answers.rss.value.series);
      if (rss.length === 0) return named(neverAboveZero(metrics.rss), service, 'rss');
      const memory = toMemory(answers, rss, { limitBytes, window });
      logger.debug({ service, series: rss.length, stepSeconds: window.stepSeconds }, 'memory read from Prometheus');
      return ok(memory);
    },
  };
}

type Answer = Outcome<Ranged>;
/** Null: not configured, so not asked. */
type Answers = {
  rss: Answer;
  starts: Answer | null;
  limit: Answer | null;
  oomKills: Answer | null;
  release: Answer | null;
};

async function queryAll(
  server: Server,
  metrics: Metrics & { rss: string },
  window: Window,
  signal: AbortSignal,
): Promise<Answers> {
  const ask = async (promql: string | null): Promise<Answer | null> =>
    promql === null ? null : await queryRange(server, promql, window, signal);
  const [rss, starts, limit, oomKills, release] = await Promise.all([
    queryRange(server, metrics.rss, window, signal),
    ask(startQuery(metrics.rss)),
    ask(metrics.limit),
    ask(metrics.oomKills),
    ask(metrics.release),
  ]);
  return { rss, starts, limit, oomKills, release };
}

/** Client libraries and cAdvisor export a process's start beside its memory, under the same labels. */
const START_OF: readonly (readonly [memory: string, start: string])[] = [
  ['process_resident_memory_bytes', 'process_start_time_seconds'],
  ['container_memory_working_set_bytes', 'container_start_time_seconds'],
  ['container_memory_rss', 'container_start_time_seconds'],
];

/** The query for the start times, when the query for memory is a plain selector of a metric that has such a companion. */
export function startQuery(rss: string): string | null {
  const match = /^\s*([a-zA-Z_:][\w:]*)\s*(\{(?:[^{}"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\})?\s*$/.exec(rss);
  const start = START_OF.find(([memory]) => memory === match?.[1])?.[1];
  return start === undefined ? null : `${start}${match?.[2] ?? ''}`;
}

function toMemory(
  answers: Answers,
  rss: readonly LabelledSeries[],
  { limitBytes, window }: { limitBytes: number | null; window: Window },
): ServiceMemory {
  const oomKills = answers.oomKills?.outcome === 'ok' ? toOomKills(answers.oomKills.value.series, window) : null;
  const companions = {
    starts: seriesIn(answers.starts),
    releases: seriesIn(answers.release),
    limits: seriesIn(answers.limit),
  };
  const instances = markOomKilled(toInstances(rss, companions, window), oomKills ?? [], window);
  const note = notesOf(answers);
  return {
    source: 'prometheus',
    ...(note === '' ? {} : { sourceNote: note }),
    instances,
    limitBytes: limitBytes ?? tightestLimit(instances, window.endSeconds),
    oomKillsAt: oomKills,
    deploys: toDeploys(instances),
  };
}

function seriesIn(answer: Answer | null): readonly LabelledSeries[] {
  return answer?.outcome === 'ok' ? answer.value.series : [];
}

/** No process holds nothing: cAdvisor writes 0 of containers that are gone. */
function measured(rss: readonly LabelledSeries[]): LabelledSeries[] {
  return rss
    .map(({ labels, points }) => ({ labels, points: points.filter(([, bytes]) => bytes > 0) }))
    .filter(({ points }) => points.length > 0);
}

function neverAboveZero(promql: string): Failure {
  return inconclusive('operator', `Prometheus has only zeros for ${promql}`, 'Check the query in Prometheus');
}

/** The start times are a bonus that nobody asked for: their absence is not told. */
function notesOf({ rss, limit, oomKills, release }: Answers): string {
  return Object.entries({ rss, limit, oomKills, release })
    .flatMap(([metric, answer]) => {
      if (answer === null) return [];
      if (answer.outcome !== 'ok') return [`metrics.${metric}: ${answer.why}`];
      const { warnings } = answer.value;
      return warnings.length === 0 ? [] : [`metrics.${metric}: ${warningText(warnings)}`];
    })
    .join('; ');
}

/** An instance that ended within three steps of a kill was that kill's, where only one did. */
function markOomKilled(
  instances: InstanceMemory[],
  kills: readonly number[],
  { stepSeconds }: Window,
): InstanceMemory[] {
  return instances.map((instance) => {
    const { endedAt } = instance;
    if (endedAt === null || instance.endReason === 'deploy') return instance;
    const isNear = (end: number | null): boolean =>
      end !== null && kills.some((at) => at >= end - stepSeconds && at <= end + 3 * stepSeconds);
    const isOnly = instances.filter((other) => isNear(other.endedAt)).length === 1;
    return isNear(endedAt) && isOnly ? { ...instance, endReason: 'oom' } : instance;
  });
}

/** A release is deployed when it starts while no instance of it runs and another one was deployed last: rollbacks count. */
function toDeploys(instances: readonly InstanceMemory[]): ServiceMemory['deploys'] {
  const deploys: { release: string; at: number }[] = [];
  const runsUntil = new Map<string, number>();
  const started = instances.map((instance) => ({
    ...instance,
    at: instance.startedAt ?? instance.samples[0]?.[0] ?? 0,
  }));
  for (const { release, at, endedAt } of started.sort((a, b) => a.at - b.at)) {
    if (release === null) continue;
    const until = runsUntil.get(release) ?? Number.NEGATIVE_INFINITY;
    if (until < at && deploys.at(-1)?.release !== release) deploys.push({ release, at });
    runsUntil.set(release, Math.max(until, endedAt ?? Number.POSITIVE_INFINITY));
  }
  return deploys;
}

function named(failure: Failure, service: string, metric: string): Failure {
  return { ...failure, tryThis: `${failure.tryThis} (services.${service}.metrics.${metric})` };
}
