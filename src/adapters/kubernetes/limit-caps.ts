/** What the rules of a namespace let a memory limit rise by. */
import { z } from 'zod';
import type { LimitCap } from '../../analysis/node-room.ts';
import type { Outcome } from '../../errors.ts';
import { formatBytes } from '../../units.ts';
import { limitedContainer, limitOf, type SizedPod } from './pod-memory.ts';
import { Quantity } from './quantity.ts';
import { type Reading, readList } from './read-only.ts';

const Memory = z.object({ memory: Quantity.optional() }).nullish();
const Amounts = z
  .object({
    'limits.memory': Quantity.optional(),
    'requests.memory': Quantity.optional(),
    // An older name of `requests.memory`.
    memory: Quantity.optional(),
  })
  .nullish();

const Quota = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z
    .object({ hard: Amounts, scopes: z.array(z.string()).nullish(), scopeSelector: z.unknown().optional() })
    .default({}),
  status: z.object({ hard: Amounts, used: Amounts }).default({}),
});
type Quota = z.infer<typeof Quota>;

const Range = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    limits: z.array(z.object({ type: z.string(), max: Memory, maxLimitRequestRatio: Memory })),
  }),
});
type Range = z.infer<typeof Range>;

/** `container`: whose limit would rise; null: the one with the largest. */
export async function readCaps(
  reading: Reading,
  namespace: string,
  { pods, container }: { pods: readonly SizedPod[]; container: string | null },
): Promise<{ caps: LimitCap[]; unread: string[] }> {
  const list = <T>(resource: string, schema: z.ZodType<T>): Promise<Outcome<T[]>> =>
    readList(
      reading,
      `/api/v1/namespaces/${encodeURIComponent(namespace)}/${resource}`,
      { schema },
      { what: `${resource} of ${namespace}`, rule: `Role memtriage-room, ${resource}: list` },
    );
  const [quotas, ranges] = await Promise.all([list('resourcequotas', Quota), list('limitranges', Range)]);
  const own = { namespace, pods, container };
  return {
    caps: [
      ...(quotas.outcome === 'ok' ? quotas.value.flatMap((quota) => quotaCaps(quota, own)) : []),
      ...(ranges.outcome === 'ok' ? ranges.value.flatMap((range) => rangeCaps(range, own)) : []),
    ],
    unread: [quotas, ranges].flatMap((answer) => (answer.outcome === 'ok' ? [] : [answer.why])),
  };
}

type Own = { namespace: string; pods: readonly SizedPod[]; container: string | null };

/**
 * A request rises with its limit where both are equal: written so, or, where only a limit is written, made so by the
 * server. Scopes (priority classes, pods that end by themselves) are not followed: such a quota may be for others.
 */
function quotaCaps({ metadata, spec, status }: Quota, { namespace, pods, container }: Own): LimitCap[] {
  const sizes = pods.flatMap((pod) => limitedContainer(pod, container) ?? []);
  const follows = sizes.some(({ requestBytes, limitBytes }) => requestBytes === limitBytes);
  const counted = follows ? (['limits.memory', 'requests.memory', 'memory'] as const) : (['limits.memory'] as const);
  const isForAll = (spec.scopes ?? []).length === 0 && spec.scopeSelector == null;
  return counted.flatMap((amount) => {
    const hard = status.hard?.[amount] ?? spec.hard?.[amount];
    if (hard === undefined || pods.length === 0) return [];
    const used = status.used?.[amount] ?? 0;
    const rule = `ResourceQuota ${namespace}/${metadata.name} (${amount}: ${formatBytes(used)} of ${formatBytes(hard)} used)`;
    return [{ rule, mostRaiseBytes: Math.floor((hard - used) / pods.length), isForAll }];
  });
}

function rangeCaps({ metadata, spec }: Range, { namespace, pods, container }: Own): LimitCap[] {
  const sizes = pods.flatMap((pod) => limitedContainer(pod, container) ?? []);
  const podLimits = pods.flatMap((pod) => limitOf(pod) ?? []);
  const cap = (words: string, mosts: readonly number[]): LimitCap[] =>
    mosts.length === 0
      ? []
      : [
          {
            rule: `LimitRange ${namespace}/${metadata.name} (${words})`,
            mostRaiseBytes: Math.min(...mosts),
            isForAll: true,
          },
        ];
  return spec.limits.flatMap(({ type, max, maxLimitRequestRatio }) => {
    const most = max?.memory;
    const ratio = maxLimitRequestRatio?.memory;
    if (type === 'Pod' && most !== undefined)
      return cap(
        `at most ${formatBytes(most)} a pod`,
        podLimits.map((bytes) => most - bytes),
      );
    if (type !== 'Container') return [];
    return [
      ...(most === undefined
        ? []
        : cap(
            `at most ${formatBytes(most)} a container`,
            sizes.map(({ limitBytes }) => most - limitBytes),
          )),
      ...(ratio === undefined
        ? []
        : cap(
            `limit at most ${ratio} times the request`,
            sizes
              .filter(({ requestBytes, limitBytes }) => requestBytes !== limitBytes)
              .map(({ requestBytes, limitBytes }) => ratio * requestBytes - limitBytes),
          )),
    ];
  });
}
