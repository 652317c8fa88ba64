/** What the bot tells Prometheus. Every label has a bounded set of values: steps, states, queues, sites of the configuration. */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { type Readings, readingGauges } from './readings.ts';
import { type NoteRollback, rollbackMetrics } from './rollback-metrics.ts';

export type Metrics = {
  /** One attempt at Slack's Web API. `outcome`: `ok`, `rate-limited`, `refused`, `unanswered`. */
  countSlackCall(method: string, outcome: string): void;
  observeStep(step: string, outcome: string, seconds: number): void;
  countReport(verdict: string): void;
  /** From the moment that an alert was stored to its root in Slack, its own or its umbrella's. */
  observeAlertToRoot(seconds: number): void;
  /** How late a look of the watch began. */
  observeWatchLag(seconds: number): void;
  countAlert(source: string, status: string): void;
  /** A message of another bot in a channel that is read: `alert`, `unplaced` (of no service, or of several), `no-alert`. */
  countChannelMessage(reading: string): void;
  noteRollback: NoteRollback;
  /** The exposition format, with what `read` finds by now. */
  render(read: () => Promise<Readings>): Promise<{ type: string; body: string }>;
};

/** p95 of 5 s is the goal; 10 s under a storm. */
const ROOT_SECONDS = [0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 20, 30, 60, 120, 300, 900];
/** Milliseconds of a recorded series to the deadline of a step, 45 s, and a look's window. */
const STEP_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 120];
const LAG_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900];

/** A registry of its own: nothing that a library registers globally gets in. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const slackCalls = new Counter({
    name: 'memtriage_slack_calls_total',
    help: "Calls of Slack's Web API by what came of them.",
    labelNames: ['method', 'outcome'],
    registers,
  });
  const steps = new Histogram({
    name: 'memtriage_triage_step_seconds',
    help: 'Duration of a step of a triage.',
    labelNames: ['step', 'outcome'],
    buckets: STEP_SECONDS,
    registers,
  });
  const reports = new Counter({
    name: 'memtriage_reports_total',
    help: 'Triages that ended in a report, by verdict.',
    labelNames: ['verdict'],
    registers,
  });
  const roots = new Histogram({
    name: 'memtriage_alert_to_root_seconds',
    help: "From the moment that an alert was stored to a root in Slack that tells of it: its own, or its umbrella's.",
    buckets: ROOT_SECONDS,
    registers,
  });
  const watchLag = new Histogram({
    name: 'memtriage_watch_lag_seconds',
    help: 'How late a look of the watch began.',
    buckets: LAG_SECONDS,
    registers,
  });
  const alerts = new Counter({
    name: 'memtriage_alerts_total',
    help: 'Alerts that were stored, copies included.',
    labelNames: ['source', 'status'],
    registers,
  });
  const channelMessages = new Counter({
    name: 'memtriage_channel_messages_total',
    help: 'Messages of other bots in the channels of slack.readAlerts, by what they were read as.',
    labelNames: ['reading'],
    registers,
  });
  const noteRollback = rollbackMetrics(registers);
  const showReadings = readingGauges(registers);
  return {
    countSlackCall: (method, outcome) => slackCalls.inc({ method, outcome }),
    observeStep: (step, outcome, seconds) => steps.observe({ step, outcome }, seconds),
    countReport: (verdict) => reports.inc({ verdict }),
    observeAlertToRoot: (seconds) => roots.observe(seconds),
    observeWatchLag: (seconds) => watchLag.observe(seconds),
    countAlert: (source, status) => alerts.inc({ source, status }),
    countChannelMessage: (reading) => channelMessages.inc({ reading }),
    noteRollback,
    async render(read) {
      showReadings(await read());
      return { type: registry.contentType, body: await registry.metrics() };
    },
  };
}
