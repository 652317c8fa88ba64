/** What is known of the bot itself: its metrics, and the proof that its work gets done. */
import { randomUUID } from 'node:crypto';
import { ALERT_QUEUE } from '../adapters/bullmq/alert-queue.ts';
import { MITIGATION_QUEUE } from '../adapters/bullmq/mitigation-queue.ts';
import { type Pulse, startPulse } from '../adapters/bullmq/pulse.ts';
import { createQueueDepths } from '../adapters/bullmq/queue-depths.ts';
import { rollbackQueueName } from '../adapters/bullmq/rollback-queue.ts';
import { snapshotQueueName } from '../adapters/bullmq/snapshot-queue.ts';
import { TRIAGE_CONCURRENCY, TRIAGE_QUEUE } from '../adapters/bullmq/triage-queue.ts';
import { WATCH_QUEUE } from '../adapters/bullmq/watch-queue.ts';
import type { Route } from '../adapters/http/bot-server.ts';
import { createMetrics, type Metrics } from '../adapters/metrics/metrics.ts';
import type { Readings } from '../adapters/metrics/readings.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import { OUTBOX_QUEUE } from '../adapters/slack/outbox.ts';
import type { SlackWeb } from '../adapters/slack/slack-web.ts';
import { CommandError, EXIT_BUG } from '../errors.ts';
import type { IncidentBook } from '../triage/ports.ts';
import { measureRollbacks } from './measured-rollbacks.ts';
import { readState } from './read-state.ts';
import { createSlackState } from './slack-state.ts';
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
  /** To be called when Slack shows these incidents, by a root of their own or by another one. Only the first time counts. */
  onTold: (incidentIds: readonly string[]) => void;
  /** What is known by now; Redis that does not answer leaves the rest out. */
  readings: () => Promise<Readings>;
  route: Route;
  /** Begins to send pulses; to be called when the workers are there. */
  startPulse: () => Pulse;
  /** Rejects when the bot can't work any more: a supervisor must see that. */
  stuck: Promise<never>;
};

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
  const readings = () => readState(world, { incidents, depths, sites, pulse });
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
    onTold(incidentIds) {
      const atMs = Date.now();
      const observe = async (incidentId: string): Promise<void> => {
        const openedAt = await incidents.noteTold(incidentId, atMs);
        if (openedAt !== null) metrics.observeAlertToRoot((atMs - Date.parse(openedAt)) / 1000);
      };
      for (const incidentId of incidentIds) {
        observe(incidentId).catch((err: unknown) =>
          logger.debug({ err, incidentId }, 'the time to the root was not measured'),
        );
      }
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
