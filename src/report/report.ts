/** The report as JSON: the shape that contract users hold on to. Units in the names; what was not measured is null. */
import { z } from 'zod';
import { Confidence, LeakPattern, Snapshot } from '../analysis/snapshot.ts';
import { ComparedBaseline, Growth, Interval, Move, Onset, Verdict } from '../incident/step-result.ts';

export const RecommendedAction = z.enum(['rollback', 'restart', 'raise-limit', 'investigate', 'none']);
export type RecommendedAction = z.infer<typeof RecommendedAction>;

export const Recommendation = z.object({
  action: RecommendedAction,
  /** Releases of a rollback; null for every other action. */
  from: z.string().nullable(),
  to: z.string().nullable(),
  confidence: Confidence,
  reasons: z.array(z.string()).readonly(),
  wouldChange: z.array(z.string()).readonly(),
});
export type Recommendation = z.infer<typeof Recommendation>;

const ReportStep = z.object({
  step: z.string(),
  outcome: z.enum(['ok', 'inconclusive', 'error']),
  seconds: z.number(),
  note: z.string(),
});

const ReportInstance = z.object({
  instance: z.string(),
  bytes: z.number(),
  release: z.string().nullable(),
  /** RFC 3339, as all times here. */
  startedAt: z.string().nullable(),
});

export const Report = z.object({
  schema: z.literal(1),
  incident: z.string(),
  service: z.string(),
  site: z.string(),
  generatedAt: z.string(),
  verdict: Verdict,
  recommendation: Recommendation,
  rss: z.object({
    /** The worst instance's, the one that the verdict is about. */
    bytes: z.number().nullable(),
    limitBytes: z.number().nullable(),
    instances: z.array(ReportInstance).readonly(),
  }),
  growth: Growth.nullable(),
  timeToLimitSeconds: Interval.nullable(),
  baseline: ComparedBaseline.nullable(),
  onset: Onset.nullable(),
  oomKills: z.object({ count: z.number(), windowSeconds: z.number() }).nullable(),
  snapshot: Snapshot.nullable(),
  pattern: LeakPattern.nullable(),
  steps: z.array(ReportStep).readonly(),
  /** Age of the newest sample when the report was made, and where the samples came from. */
  data: z.object({ source: z.string(), ageSeconds: z.number().nullable() }),
  /** What can be done now and undone later, in order; absent: the runbook has no such step. */
  moves: z.array(Move).readonly().optional(),
  /** Lines of `query` and `note` steps: the team's own checks. Plain text. */
  checks: z.array(z.object({ title: z.string(), text: z.string(), links: z.array(z.string()).readonly() })).readonly(),
});
export type Report = z.infer<typeof Report>;

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
