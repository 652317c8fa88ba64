/** The report as JSON: the shape that contract users hold on to. Units in the names; what was not measured is null. */
import type { Growth, Interval, Verdict } from '../analysis/series.ts';
import type { Confidence, LeakPattern, Snapshot } from '../analysis/snapshot.ts';

export type RecommendedAction = 'rollback' | 'restart' | 'raise-limit' | 'investigate' | 'none';

export type Recommendation = {
  action: RecommendedAction;
  /** Releases of a rollback; null for every other action. */
  from: string | null;
  to: string | null;
  confidence: Confidence;
  reasons: readonly string[];
  wouldChange: readonly string[];
};

export type ReportStep = {
  step: string;
  outcome: 'ok' | 'inconclusive' | 'error';
  seconds: number;
  note: string;
};

export type Report = {
  schema: 1;
  incident: string;
  service: string;
  site: string;
  generatedAt: string;
  verdict: Verdict;
  recommendation: Recommendation;
  rss: {
    /** The worst instance's, the one that the verdict is about. */
    bytes: number | null;
    limitBytes: number | null;
    instances: readonly { instance: string; bytes: number; release: string | null; startedAt: string | null }[];
  };
  growth: Growth | null;
  timeToLimitSeconds: Interval | null;
  baseline: { bytes: number; release: string | null; recordedAt: string; deltaRatio: number | null } | null;
  onset: { at: string; release: string | null; afterDeploySeconds: number | null } | null;
  oomKills: { count: number; windowSeconds: number } | null;
  snapshot: Snapshot | null;
  pattern: LeakPattern | null;
  steps: readonly ReportStep[];
  /** Age of the newest sample when the verdict was reached, and where the samples came from. */
  data: { source: string; ageSeconds: number | null };
  /** Lines of `query` and `note` steps: the team's own checks. Plain text. */
  checks: readonly { title: string; text: string; links: readonly string[] }[];
};

/** Steps under way, for the live thread: what a root message shows before the report is there. */
export type Progress = {
  incident: string;
  service: string;
  steps: readonly {
    step: string;
    state: 'waiting' | 'running' | 'ok' | 'inconclusive' | 'error';
    /** First figures of a finished step, or what a running one waits for. Plain text. */
    note: string;
  }[];
};
