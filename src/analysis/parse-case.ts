import { z } from 'zod';
import { inconclusive, type Outcome, ok } from '../errors.ts';
import type { PodSeries, Sample, SeriesCase } from './series.ts';

/**
 * A recorded case as files hold it (contract "Recorded series"): only the fields that are used, everything else is
 * ignored. Single bad pairs (null, a string for a number) are left out by the analysis, not refused here.
 */
const Pair = z.tuple([z.unknown(), z.unknown()]).rest(z.unknown());
const Pairs = z.array(Pair);
const Restarts = z.array(z.tuple([z.number(), z.unknown()]).rest(z.unknown()));
const Pod = z.object({
  pod: z.union([z.string(), z.number()]).nullish(),
  samples: Pairs,
  restarts: Restarts.nullish(),
});

const Case = z.object({
  name: z.union([z.string(), z.number()]).nullish(),
  now: z.number().nullish(),
  samples: Pairs.nullish(),
  restarts: Restarts.nullish(),
  pods: z.array(Pod).min(1).nullish(),
  limit_bytes: z.number().nullish(),
  deploy_at: z.number().nullish(),
  traffic: Pairs.nullish(),
  smaps: Pairs.nullish(),
  baseline: Pairs.nullish(),
  slo: z.object({ baseline_bytes: z.number().nullish() }).nullish(),
});
type Case = z.infer<typeof Case>;

/** Foreign JSON -> a case. A failure names the field, what was found and what was expected. */
export function parseCase(json: unknown): Outcome<SeriesCase> {
  const parsed = Case.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined || issue.path.length === 0 ? 'the case' : `\`${issue.path.join('.')}\``;
    return inconclusive('user', `${where}: ${issue?.message ?? 'not a case'}`, EXPECTED);
  }
  const pods = podsOf(parsed.data);
  if (pods === null) return inconclusive('user', 'the case has neither `samples` nor `pods`', EXPECTED);
  return ok(toSeriesCase(parsed.data, pods));
}

const EXPECTED = 'A case is {"now": seconds, "samples": [[seconds, rssBytes], …], "restarts": [[seconds, reason], …]}';

function podsOf(found: Case): SeriesCase['pods'] | null {
  if (found.pods !== undefined && found.pods !== null) {
    return found.pods.map(({ pod, samples, restarts }, i) => ({
      pod: String(pod ?? `pod-${i}`),
      samples: toPairs(samples),
      restarts: (restarts ?? []).map(([seconds, reason]) => [seconds, String(reason)] as const),
    }));
  }
  if (found.samples === undefined || found.samples === null) return null;
  const restarts = (found.restarts ?? []).map(([seconds, reason]) => [seconds, String(reason)] as const);
  return [{ pod: 'pod-0', samples: toPairs(found.samples), restarts, smaps: toTriples(found.smaps ?? []) }];
}

function toSeriesCase(found: Case, pods: SeriesCase['pods']): SeriesCase {
  // In whatever order they were recorded.
  const last = pods.reduce((latest, pod) => pod.samples.reduce((a, [b]) => Math.max(a, b), latest), -Infinity);
  const now = found.now ?? (Number.isFinite(last) ? last : 0);
  return {
    name: found.name === undefined || found.name === null ? null : String(found.name),
    now,
    pods,
    limitBytes: found.limit_bytes ?? null,
    deployAt: found.deploy_at ?? null,
    traffic: found.traffic === undefined || found.traffic === null ? null : toPairs(found.traffic),
    baseline: found.baseline === undefined || found.baseline === null ? null : toPairs(found.baseline),
    sloBaselineBytes: found.slo?.baseline_bytes ?? null,
  };
}

function toTriples(rows: readonly (readonly unknown[])[]): NonNullable<PodSeries['smaps']> {
  const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
  return rows
    .flatMap(([seconds, rss, anonymous]) =>
      isNumber(seconds) && isNumber(rss) && isNumber(anonymous) ? [[seconds, rss, anonymous] as const] : [],
    )
    .toSorted((a, b) => a[0] - b[0]);
}

/** Pairs of finite numbers; the others are missing values. */
function toPairs(pairs: readonly (readonly unknown[])[]): Sample[] {
  return pairs.flatMap(([seconds, value]) =>
    typeof seconds === 'number' && typeof value === 'number' && Number.isFinite(seconds) && Number.isFinite(value)
      ? [[seconds, value] as const]
      : [],
  );
}
