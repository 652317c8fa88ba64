import type { Baseline } from '../analysis/baseline.ts';
import type { InstanceMemory, ServiceMemory } from '../analysis/memory.ts';
import type { Policy } from '../analysis/policy.ts';
import type { SeriesAnalysis, SeriesCase } from '../analysis/series.ts';
import type { Outcome } from '../errors.ts';
import type { Incident } from '../incident/incident.ts';
import type { Finding, StepResult } from '../incident/step-result.ts';
import type { Ports } from './ports.ts';

/** What the walk knows of the service that it triages. */
export type TriagedService = {
  name: string;
  site: string;
  policy: Policy;
  snapshotWindowSeconds: number;
};

/** The part of a logger that the walk uses. */
export type StepLogger = { error: (fields: object, message: string) => void };

export type TriageContext = {
  ports: Ports;
  service: TriagedService;
  /** How far back to look, seconds. */
  sinceSeconds: number;
  takeSnapshot: boolean;
  /** Waits for this walk's turn to compute (`createTurns`). Default: the next round of the event loop. */
  takeTurn?: () => Promise<void>;
  /** Of each step, the window of a look not counted. Default 45 s. */
  stepDeadlineSeconds?: number;
  logger: StepLogger;
  /** Ends the walk when the role stops. */
  signal: AbortSignal;
};

/** The recorded memory of the service, the baseline in force (null: none), and what the analysis says of the two. */
export type AnalyzedMemory = {
  /** Without the instances that nobody saw for long (`unseen`): what they held is not what they hold. */
  memory: ServiceMemory;
  unseen: readonly InstanceMemory[];
  baseline: Baseline | null;
  seriesCase: SeriesCase;
  analysis: SeriesAnalysis;
};

/** What one step gets: the context, and the results of the steps before it. `signal` also carries the step's deadline. */
export type StepContext = TriageContext & {
  /** From the step's beginning to its deadline. */
  withinSeconds: number;
  incident: Incident;
  results: readonly StepResult[];
  /** The recorded memory and its analysis, once a walk: every step sees the same samples. */
  analyze: () => Promise<Outcome<AnalyzedMemory>>;
};

/** What one step leaves behind. */
export type StepOutcome = { outcome: 'ok' | 'inconclusive' | 'error'; note: string; finding: Finding | null };
