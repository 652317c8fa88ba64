import { z } from 'zod';
import { ServiceNodes } from '../analysis/node-room.ts';
import { Confidence, LeakPattern, Snapshot } from '../analysis/snapshot.ts';

/** What a finished step leaves behind; stored, so that another replica goes on after it. */

export const StepKind = z.enum(['capture', 'compare', 'snapshot', 'evaluate', 'query', 'note', 'moves']);
export type StepKind = z.infer<typeof StepKind>;

export const Interval = z.object({ estimate: z.number(), low: z.number(), high: z.number() });
export const Growth = z.object({
  bytesPerHour: z.number(),
  low: z.number(),
  high: z.number(),
  windowSeconds: z.number(),
  samples: z.number(),
});
export const Verdict = z.enum(['healthy', 'warning', 'critical', 'inconclusive']);

/** The baseline that was compared with; times RFC 3339, 0.42 = 42 % above it. */
export const ComparedBaseline = z.object({
  bytes: z.number(),
  release: z.string().nullable(),
  recordedAt: z.string(),
  deltaRatio: z.number().nullable(),
});

/** Since when it grows, and the release that ran then. */
export const Onset = z.object({
  at: z.string(),
  release: z.string().nullable(),
  afterDeploySeconds: z.number().nullable(),
});

export const CaptureFinding = z.object({
  kind: z.literal('capture'),
  source: z.string(),
  dataAgeSeconds: z.number().nullable(),
  /** When the figures were read, RFC 3339; absent in data of older versions. */
  readAt: z.string().optional(),
  /** How many run; absent in data of older versions. */
  running: z.number().optional(),
  /** Live instances, largest first, at most 20. Times RFC 3339. */
  instances: z.array(
    z.object({
      instance: z.string(),
      bytes: z.number(),
      release: z.string().nullable(),
      startedAt: z.string().nullable(),
    }),
  ),
  limitBytes: z.number().nullable(),
  /** Machines of live instances, and what these could still be given; absent: nobody looked. */
  hosts: z
    .array(
      z.object({
        host: z.string(),
        instances: z.number(),
        limits: z.number(),
        roomBytes: z.number(),
        totalBytes: z.number(),
        ageSeconds: z.number(),
      }),
    )
    .optional(),
  /** Nodes of its pods, and what these could still be given; absent: nobody looked. */
  nodes: ServiceNodes.optional(),
  growth: Growth.nullable(),
  oomKills: z.object({ count: z.number(), windowSeconds: z.number() }).nullable(),
});
export type CaptureFinding = z.infer<typeof CaptureFinding>;

export const CompareFinding = z.object({
  kind: z.literal('compare'),
  baseline: ComparedBaseline.nullable(),
  /** The worst instance, the release it runs, and the release that ran before it (null: none seen). */
  worstInstance: z.string().nullable(),
  worstBytes: z.number().nullable(),
  release: z.string().nullable(),
  previousRelease: z.string().nullable(),
  deployedAt: z.string().nullable(),
  onset: Onset.nullable(),
  analysis: z.object({
    verdict: Verdict,
    state: z.enum(['healthy', 'filling', 'suspect', 'leak', 'inconclusive']),
    probability: z.number().nullable(),
    growth: Growth.nullable(),
    timeToLimitSeconds: Interval.nullable(),
    deploy: z
      .object({ isChangePoint: z.boolean().nullable(), rollback: z.enum(['yes', 'no', 'need-more-evidence']) })
      .nullable(),
    sloState: z.enum(['ok', 'warning', 'critical']).nullable(),
    overBaselineRatio: z.number().nullable(),
    returnsInQuiet: z.boolean().nullable(),
    reasons: z.array(z.string()),
    wouldChange: z.array(z.string()),
  }),
});
export type CompareFinding = z.infer<typeof CompareFinding>;

export const SnapshotFinding = z.object({ kind: z.literal('snapshot'), snapshot: Snapshot });
export type SnapshotFinding = z.infer<typeof SnapshotFinding>;

export const EvaluateFinding = z.object({
  kind: z.literal('evaluate'),
  verdict: Verdict,
  pattern: LeakPattern.nullable(),
  recommendation: z.object({
    action: z.enum(['rollback', 'restart', 'raise-limit', 'investigate', 'none']),
    from: z.string().nullable(),
    to: z.string().nullable(),
    confidence: Confidence,
    reasons: z.array(z.string()),
    wouldChange: z.array(z.string()),
  }),
});
export type EvaluateFinding = z.infer<typeof EvaluateFinding>;

export const CheckFinding = z.object({
  kind: z.literal('check'),
  title: z.string(),
  text: z.string(),
  links: z.array(z.string()),
});
export type CheckFinding = z.infer<typeof CheckFinding>;

/** One thing that can be done now. `gain`, `guard`: plain text. */
export const Move = z.object({
  name: z.string(),
  gain: z.string(),
  buysSeconds: z.number().nullable(),
  state: z.enum(['green', 'amber', 'red']),
  guard: z.string(),
});
export type Move = z.infer<typeof Move>;

export const MovesFinding = z.object({ kind: z.literal('moves'), moves: z.array(Move) });

export const Finding = z.discriminatedUnion('kind', [
  CaptureFinding,
  CompareFinding,
  SnapshotFinding,
  EvaluateFinding,
  CheckFinding,
  MovesFinding,
]);
export type Finding = z.infer<typeof Finding>;

export const StepResult = z.object({
  step: z.string(),
  kind: StepKind,
  outcome: z.enum(['ok', 'inconclusive', 'error']),
  /** Wall time of the step. */
  seconds: z.number(),
  /** One line for the report: the figures, or why there are none and what to try. */
  note: z.string(),
  finding: Finding.nullable(),
});
export type StepResult = z.infer<typeof StepResult>;
