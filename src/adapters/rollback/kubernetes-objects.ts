/** The fields of Kubernetes objects that a rollback reads. Templates are kept whole: they are sent back as they are. */
import { z } from 'zod';

const Names = z.record(z.string(), z.string()).nullish();

export const Metadata = z.object({
  name: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.number().optional(),
  labels: Names,
  annotations: Names,
  ownerReferences: z.array(z.object({ uid: z.string() })).nullish(),
});
export type Metadata = z.infer<typeof Metadata>;

const Selector = z.object({
  matchLabels: Names,
  matchExpressions: z
    .array(z.object({ key: z.string(), operator: z.string(), values: z.array(z.string()).nullish() }))
    .nullish(),
});

export const Template = z.record(z.string(), z.unknown());
export type Template = z.infer<typeof Template>;

const Status = z.looseObject({ observedGeneration: z.coerce.number().optional().catch(undefined) });

/** Deployment, StatefulSet, DaemonSet and Rollout alike. */
export const WorkloadObject = z.object({
  metadata: Metadata,
  spec: z.looseObject({ selector: Selector, template: Template.optional() }),
  status: Status.default({}),
});
export type WorkloadObject = z.infer<typeof WorkloadObject>;

/** A ReplicaSet: one revision of a Deployment or a Rollout. */
export const ReplicaSets = z.object({
  items: z.array(z.object({ metadata: Metadata, spec: z.object({ template: Template }) })),
});
export type ReplicaSet = z.infer<typeof ReplicaSets>['items'][number];

/** One revision of a StatefulSet or DaemonSet: `data` is the patch that brings it back. */
export const ControllerRevisions = z.object({
  items: z.array(
    z.object({
      metadata: Metadata,
      revision: z.number(),
      data: z.looseObject({ spec: z.looseObject({ template: Template }) }),
    }),
  ),
});

/** `app=checkout,tier in (web,api)`, encoded for a URL. */
export function selectorQuery({ matchLabels, matchExpressions }: z.infer<typeof Selector>): string {
  const equal = Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const others = (matchExpressions ?? []).map(({ key, operator, values }) => {
    const list = `(${(values ?? []).join(',')})`;
    if (operator === 'In') return `${key} in ${list}`;
    if (operator === 'NotIn') return `${key} notin ${list}`;
    return operator === 'Exists' ? key : `!${key}`;
  });
  return `labelSelector=${encodeURIComponent([...equal, ...others].join(','))}`;
}

const PodTemplate = z.object({
  metadata: z.object({ labels: Names, annotations: Names }).nullish(),
  spec: z
    .object({
      containers: z
        .array(
          z.object({
            image: z.string().optional(),
            env: z.array(z.object({ name: z.string(), value: z.string().optional() })).nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});

/**
 * What a pod template calls its release: `MEMTRIAGE_RELEASE` (what the probe tells too), the label
 * `app.kubernetes.io/version`, and the tags of its images. Empty: it says nothing.
 */
export function releasesOf(template: Template | undefined): string[] {
  const parsed = PodTemplate.safeParse(template);
  if (!parsed.success) return [];
  const containers = parsed.data.spec?.containers ?? [];
  const told = containers.flatMap(({ env }) => env?.find(({ name }) => name === 'MEMTRIAGE_RELEASE')?.value ?? []);
  // One that says it by name is believed before its images are read.
  if (told.length > 0) return [...new Set(told)];
  const label = parsed.data.metadata?.labels?.['app.kubernetes.io/version'];
  const tags = containers.flatMap(({ image }) => /:([\w.-]+)(?:@.*)?$/.exec(image ?? '')?.[1] ?? []);
  return [...new Set([...(label === undefined ? [] : [label]), ...tags])];
}

/** Without the label that the controller adds to each ReplicaSet's copy. */
export function withoutHash(template: Template): Template {
  const parsed = z.looseObject({ metadata: z.looseObject({ labels: Names }).optional() }).parse(template);
  const labels = { ...parsed.metadata?.labels };
  delete labels['pod-template-hash'];
  delete labels['rollouts-pod-template-hash'];
  return { ...template, metadata: { ...parsed.metadata, labels } };
}
