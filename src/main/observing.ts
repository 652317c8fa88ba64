/** What is known of the bot itself: its metrics, and the proof that its work gets done. */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { ALERT_QUEUE } from '../adapters/bullmq/alert-queue.ts';
import { MITIGATION_QUEUE } from '../adapters/bullmq/mitigation-queue.ts';
import { type Pulse, startPulse } from '../adapters/bullmq/pulse.ts';
import { createQueueDepths, type QueueDepths } from '../adapters/bullmq/queue-depths.ts';
import { rollbackQueueName } from '../adapters/bullmq/rollback-queue.ts';
import { snapshotQueueName } from '../adapters/bullmq/snapshot-queue.ts';
import { TRIAGE_CONCURRENCY, TRIAGE_QUEUE } from '../adapters/bullmq/triage-queue.ts';
import { WATCH_QUEUE } from '../adapters/bullmq/watch-queue.ts';
import type { Route } from '../adapters/http/bot-server.ts';
import { createMetrics, type Metrics } from '../adapters/metrics/metrics.ts';
import type { Readings, SiteReading } from '../adapters/metrics/readings.ts';
import { readCollectorStats } from '../adapters/redis/collector-stats.ts';
import { isSiteAlive } from '../adapters/redis/heartbeat.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import { OUTBOX_QUEUE } from '../adapters/slack/outbox.ts';
import { readBacklog } from '../adapters/slack/outbox-backlog.ts';
import type { SlackAnswer, SlackWeb } from '../adapters/slack/slack-web.ts';
import { CommandError, EXIT_BUG } from '../errors.ts';
import type { IncidentBook } from '../triage/ports.ts';
import { formatDuration } from '../units.ts';
import { measureRollbacks } from './measured-rollbacks.ts';
import type { World } from './world.ts';

export type Observing = {
  metrics: Metrics;
  /** Counts its calls. */
  measureSlack: (web: SlackWeb) => SlackWeb;
  /** How the last calls went, as a clause for people. */
  slackState: () => string;
  /** Measures the steps that are saved. */
  measureSteps: (incidents: IncidentBook) => IncidentBook;
  /** Counts what becomes of rollbacks by the changes that this bot writes. */
  measureRollbacks: (book: RollbackBook) => RollbackBook;
  /** Counts the triages under way. */
  measureRuns: (run: (incidentId: string) => Promise<void>) => (incidentId: string) => Promise<void>;
  /** To be called when the root of an incident is at Slack. */
  onRootPosted: (incidentId: string) => void;
  /** What is known by now; Redis that does not answer leaves the rest out. */
  readings: () => Promise<Readings>;
  route: Route;
  /** Begins to send pulses; to be called when the workers are there. */
  startPulse: () => Pulse;
  /** Rejects when the bot can't work any more: a supervisor must see that. */
  stuck: Promise<never>;
};

/** Of the newest incidents. */
const STATES_COUNTED = 1000;

export function createObserving(world: World, incidents: RedisIncidentBook): Observing {
  const { config, redis, closers, logger } = world;
  const metrics = createMetrics();
  const sites = [...new Set([...config.services.values()].map(({ site }) => site))];
  const queues = [
    TRIAGE_QUEUE,
    ALERT_QUEUE,
    WATCH_QUEUE,
    MITIGATION_QUEUE,
    OUTBOX_QUEUE,
    ...sites.flatMap((site) => [snapshotQueueName(site), rollbackQueueName(site)]),
  ];
  const depths = createQueueDepths(redis.command(), redis.prefix, queues);
  closers.add('queue depths', depths.close);
  let pulse: Pulse | null = null;
  let underWay = 0;
  const slack = createSlackState();
  let onStuck: (error: CommandError) => void = () => {};
  const stuck = new Promise<never>((_resolve, reject) => {
    onStuck = reject;
  });
  stuck.catch(() => {});
  const readings = () => readAll(world, { incidents, depths, sites, pulse });
  return {
    metrics,
    readings,
    stuck,
    measureSlack: (web) => ({
      async call(method, args) {
        const answer = await web.call(method, args);
        metrics.countSlackCall(method, answer.kind);
        slack.note(method, answer);
        return answer;
      },
    }),
    slackState: slack.describe,
    measureSteps: (book) => ({
      ...book,
      async saveStep(id, result) {
        await book.saveStep(id, result);
        metrics.observeStep(result.kind, result.outcome, result.seconds);
      },
      async saveReport(id, report) {
        await book.saveReport(id, report);
        metrics.countReport(report.verdict);
      },
    }),
    measureRollbacks: (book) => measureRollbacks(book, metrics.noteRollback),
    measureRuns: (run) => async (incidentId) => {
      underWay += 1;
      await run(incidentId).finally(() => {
        underWay -= 1;
      });
    },
    onRootPosted(incidentId) {
      const atMs = Date.now();
      const observe = async (): Promise<void> => {
        const incident = await incidents.find(incidentId);
        if (incident?.alerts !== undefined) metrics.observeAlertToRoot((atMs - Date.parse(incident.openedAt)) / 1000);
      };
      observe().catch((err: unknown) => logger.debug({ err, incidentId }, 'the time to the root was not measured'));
    },
    route: {
      path: '/metrics',
      methods: ['GET', 'HEAD'],
      answer: async () => ({ status: 200, ...(await metrics.render(readings)) }),
    },
    startPulse() {
      const closing = new AbortController();
      const started = startPulse({
        connection: redis.command(),
        prefix: redis.prefix,
        bot: randomUUID(),
        isFull: () => underWay >= TRIAGE_CONCURRENCY,
        signal: closing.signal,
        onStuck: (why) =>
          onStuck(new CommandError(EXIT_BUG, `the bot is stuck: ${why}`, 'Start it again; what is stored goes on.')),
      });
      pulse = started;
      closers.add('pulse', async () => {
        closing.abort();
        await started.ended;
      });
      return started;
    },
  };
}

/** What was heard of Slack last. */
function createSlackState() {
  let okAtMs: number | null = null;
  let trouble: string | null = null;
  return {
    note(method: string, answer: SlackAnswer): void {
      if (answer.kind === 'ok') okAtMs = Date.now();
      trouble = answer.kind === 'ok' ? null : `${method} ${troubleWords(answer)}`;
    },
    describe(): string {
      const last =
        okAtMs === null ? 'has not answered yet' : `answered ${formatDuration((Date.now() - okAtMs) / 1000)} ago`;
      return trouble === null ? last : `${last}, since then: ${trouble}`;
    },
  };
}

function troubleWords(answer: Exclude<SlackAnswer, { kind: 'ok' }>): string {
  switch (answer.kind) {
    case 'rate-limited':
      return `must wait ${answer.retryAfterSeconds} s`;
    case 'refused':
      return `was refused (${answer.error})`;
    case 'unanswered':
      return `had no answer (${answer.why})`;
  }
}

type Sources = { incidents: RedisIncidentBook; depths: QueueDepths; sites: readonly string[]; pulse: Pulse | null };

async function readAll(world: World, { incidents, depths, sites, pulse }: Sources): Promise<Readings> {
  const { redis, logger } = world;
  const pulseAgeSeconds = pulse?.ageSeconds() ?? null;
  try {
    const redisPingSeconds = await ping(world);
    const [queues, backlog, states, ...sitesRead] = await Promise.all([
      depths.read(),
      readBacklog(redis.command(), redis.prefix),
      incidents.countStates(STATES_COUNTED),
      ...sites.map((site) => readSite(site, world)),
    ]);
    const oldestSeconds = backlog.oldestMs === null ? null : Math.max(0, (Date.now() - backlog.oldestMs) / 1000);
    const outbox = { threads: backlog.threads, oldestSeconds };
    return { redisPingSeconds, queues, outbox, sites: sitesRead, incidents: states, pulseAgeSeconds };
  } catch (err) {
    logger.debug({ err }, 'Redis did not answer what the metrics ask');
    return { redisPingSeconds: null, queues: [], outbox: null, sites: [], incidents: {}, pulseAgeSeconds };
  }
}

async function ping({ redis }: World): Promise<number> {
  const begunAt = performance.now();
  await redis.command().ping();
  return (performance.now() - begunAt) / 1000;
}

async function readSite(site: string, { redis }: World): Promise<SiteReading> {
  const [isAlive, told] = await Promise.all([
    isSiteAlive(redis.command(), redis.prefix, site),
    readCollectorStats(redis.command(), redis.prefix, site),
  ]);
  const lags = told.flatMap(({ lagSeconds, ageSeconds }) => (lagSeconds === null ? [] : [lagSeconds + ageSeconds]));
  return {
    site,
    isAlive,
    collectors: told.length,
    lagSeconds: lags.length === 0 ? null : Math.max(...lags),
    processes: told.reduce((sum, { processes }) => sum + processes, 0),
    droppedSamples: told.reduce((sum, { droppedSamples }) => sum + droppedSamples, 0),
    residentBytes: told.length === 0 ? null : Math.max(...told.map(({ residentBytes }) => residentBytes)),
  };
}
