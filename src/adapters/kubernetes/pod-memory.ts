/** How much memory a pod counts for. Pure. */
import { z } from 'zod';
import { Pod } from '../../alert/pod-end.ts';
import { Quantity } from './quantity.ts';

const Amounts = z.object({ memory: Quantity.optional() }).nullish();
const Resources = z.object({ requests: Amounts, limits: Amounts }).nullish();
const Container = z.object({ name: z.string(), resources: Resources, restartPolicy: z.string().nullish() });
type Container = z.infer<typeof Container>;

/** What a pod asks for and may take, beside what tells whose it is. */
export const SizedPod = Pod.extend({
  spec: z.object({
    nodeName: z.string().nullish(),
    containers: z.array(Container),
    initContainers: z.array(Container).nullish(),
    overhead: Amounts,
    /** Of the pod as a whole (Kubernetes 1.32 and later): it stands above the sum of its containers. */
    resources: Resources,
  }),
});
export type SizedPod = z.infer<typeof SizedPod>;

type Kind = 'requests' | 'limits';

/** What the scheduler counts. Bytes. */
export function requestOf(pod: SizedPod): number {
  return amountOf(pod, 'requests');
}

/** Bytes; null: a container that stays has none, so that the pod may take whatever there is. */
export function limitOf(pod: SizedPod): number | null {
  const { containers, initContainers, resources } = pod.spec;
  const staying = [...containers, ...(initContainers ?? []).filter(isSidecar)];
  const isLimited = resources?.limits?.memory !== undefined || staying.every((one) => memoryOf(one, 'limits') > 0);
  return isLimited ? amountOf(pod, 'limits') : null;
}

/**
 * The rule of the scheduler (kubernetes/component-helpers, resource.PodRequests): the larger of all that stay and of the
 * worst moment while the init containers run one after the other, each beside the sidecars begun before it; plus overhead.
 */
function amountOf({ spec }: SizedPod, kind: Kind): number {
  const overhead = spec.overhead?.memory ?? 0;
  const own = spec.resources?.[kind]?.memory;
  if (own !== undefined) return own + overhead;
  let sidecars = 0;
  let starting = 0;
  for (const container of spec.initContainers ?? []) {
    const bytes = memoryOf(container, kind);
    if (isSidecar(container)) sidecars += bytes;
    starting = Math.max(starting, isSidecar(container) ? sidecars : sidecars + bytes);
  }
  const staying = spec.containers.reduce((sum, container) => sum + memoryOf(container, kind), sidecars);
  return Math.max(staying, starting) + overhead;
}

function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always';
}

function memoryOf({ resources }: Container, kind: Kind): number {
  return resources?.[kind]?.memory ?? 0;
}

/** The container whose limit would rise: the one named, else the one with the largest limit; null: none has one. */
export function limitedContainer(
  { spec }: SizedPod,
  name: string | null,
): { requestBytes: number; limitBytes: number } | null {
  const [largest] = spec.containers
    .filter((container) => memoryOf(container, 'limits') > 0 && (name === null || container.name === name))
    .map((container) => ({ requestBytes: memoryOf(container, 'requests'), limitBytes: memoryOf(container, 'limits') }))
    .toSorted((a, b) => b.limitBytes - a.limitBytes);
  return largest ?? null;
}
