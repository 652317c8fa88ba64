/** The whole outside world of a triage, on one page. Adapters implement these; nothing here knows them. */
import type { Baseline } from '../analysis/baseline.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { Snapshot } from '../analysis/snapshot.ts';
import type { Outcome } from '../errors.ts';
import type { Incident } from '../incident/incident.ts';
import type { StepResult } from '../incident/step-result.ts';
import type { Progress, Report } from '../report/report.ts';

export interface IncidentBook {
  savedSteps(incidentId: string): Promise<readonly StepResult[]>;
  saveStep(incidentId: string, result: StepResult): Promise<void>;
  /** Stores the report and ends the triage. Safe to repeat. */
  saveReport(incidentId: string, report: Report): Promise<void>;
}

export interface MemorySource {
  /** Recorded RSS of every instance of the service since `now - sinceSeconds`. No data is a Failure, never zeros. */
  readMemory(service: string, sinceSeconds: number, signal: AbortSignal): Promise<Outcome<ServiceMemory>>;
}

export interface BaselineBook {
  /** The baseline in force, or null. */
  current(service: string): Promise<Baseline | null>;
}

export interface SnapshotTaker {
  /**
   * Looks twice into one live process of the service. Safe to repeat with the same `key`: the work is done once.
   * `instance`: the one to look at, else the taker picks the largest. After `withinSeconds` what was seen so far is the
   * answer, if anything was: a snapshot that is `brokenOff`.
   */
  takeSnapshot(
    request: { key: string; service: string; site: string; instance: string | null; withinSeconds?: number },
    signal: AbortSignal,
  ): Promise<Outcome<Snapshot>>;
}

export interface QueryRunner {
  /** One instant PromQL query; the values of its series. An empty answer is a Failure ("no data"), never 0. */
  queryInstant(
    promql: string,
    signal: AbortSignal,
  ): Promise<Outcome<readonly { labels: Record<string, string>; value: number }[]>>;
}

export interface IncidentThread {
  /** Shows the steps under way. Best effort, newest wins. */
  showProgress(incident: Incident, progress: Progress): Promise<void>;
  /** Hands the final report over for delivery, durably. Safe to repeat. */
  publishReport(incident: Incident, report: Report): Promise<void>;
}

export type Ports = {
  /** Epoch milliseconds. */
  now: () => number;
  incidents: IncidentBook;
  memory: MemorySource;
  baselines: BaselineBook;
  snapshots: SnapshotTaker;
  queries: QueryRunner | null;
  thread: IncidentThread;
};
