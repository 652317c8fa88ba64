import { z } from 'zod';

/** What one healthy process held, at most 40 rows of each list. Names, types and counts. */
export const BaselineCensus = z.object({
  /** Of the process; null in data of older versions, as are the next two. */
  instance: z.string().nullable().default(null),
  /** RFC 3339. */
  takenAt: z.string().nullable().default(null),
  python: z.string().nullable().default(null),
  /** Empty: not counted, its heap was too large. */
  types: z.array(z.object({ type: z.string(), count: z.number() })),
  /** Empty: not seen. */
  containers: z.array(z.object({ path: z.string(), type: z.string(), length: z.number() })),
});
export type BaselineCensus = z.infer<typeof BaselineCensus>;

/** A recorded healthy release of one service: level by age, growth, and what its processes held. Sizes in bytes. */
export const Baseline = z.object({
  schema: z.literal(1),
  service: z.string(),
  release: z.string().nullable(),
  /** RFC 3339. */
  recordedAt: z.string(),
  /** `auto`: recorded by the watch after a healthy window; `manual`: set by a person. */
  source: z.enum(['auto', 'manual']),
  setBy: z.string().nullable(),
  /** Median steady RSS of an instance after warm-up. */
  bytes: z.number(),
  /** Half the distance between the 10 % and 90 % quantiles of steady RSS. */
  spreadBytes: z.number(),
  /** `[ageSeconds, rssBytes]`, at most 200 points: the level by age of process. */
  profile: z.array(z.tuple([z.number(), z.number()])).max(200),
  growthBytesPerHour: z.number().nullable(),
  windowSeconds: z.number(),
  instances: z.number(),
  limitBytes: z.number().nullable(),
  /** Null as long as none could be taken. */
  census: BaselineCensus.nullable(),
});
export type Baseline = z.infer<typeof Baseline>;
