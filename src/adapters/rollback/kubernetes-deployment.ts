/** Undoes a Deployment as `kubectl rollout undo` does, to the revision that has the release that is asked for. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { failed, type Outcome, ok } from '../../errors.ts';
import type { RollbackExecutor, RollbackOrder } from '../../mitigation/executor.ts';
import type { KubernetesApi } from '../kubernetes-api.ts';
import {
  type ReplicaSet,
  ReplicaSets,
  releasesOf,
  selectorQuery,
  type WorkloadObject,
  withoutHash,
} from './kubernetes-objects.ts';
import { noRevision, notTheSuspect } from './kubernetes-refusals.ts';
import {
  createWorkloadExecutor,
  KEY_ANNOTATION,
  type Plan,
  WORKLOAD_PATIENCE,
  type Workload,
} from './kubernetes-workload.ts';
import type { Patience } from './until-end.ts';

const REVISION = 'deployment.kubernetes.io/revision';
/** Of the Deployment itself, not of one of its revisions (kubectl, `rollback.go`). */
const KEPT_ANNOTATIONS = [
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  'deployment.kubernetes.io/revision-history',
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
  'deprecated.deployment.rollback.to',
];

const Numbers = z.object({
  replicas: z.number().default(0),
  updatedReplicas: z.number().default(0),
  availableReplicas: z.number().default(0),
  conditions: z
    .array(
      z.object({ type: z.string(), status: z.string(), reason: z.string().optional(), message: z.string().optional() }),
    )
    .default([]),
});

export function createDeploymentExecutor(
  { namespace, name }: { namespace: string; name: string },
  openApi: () => Promise<Outcome<KubernetesApi>>,
  patience: Patience = WORKLOAD_PATIENCE,
): RollbackExecutor {
  const apps = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}`;
  const title = `Deployment ${namespace}/${name}`;
  const workload: Workload = {
    title,
    path: `${apps}/deployments/${encodeURIComponent(name)}`,
    rollout,
    async plan(found, order, read) {
      if (found.spec['paused'] === true) {
        const cure = `Resume it first: kubectl -n ${namespace} rollout resume deployment/${name}`;
        return failed('user', `${title} is paused, so it takes no rollback`, cure);
      }
      const listed = await read(`${apps}/replicasets?${selectorQuery(found.spec.selector)}`);
      if (listed.outcome !== 'ok') return listed;
      const { items } = ReplicaSets.parse(listed.value);
      const owned = items.filter(({ metadata }) =>
        metadata.ownerReferences?.some(({ uid }) => uid === found.metadata.uid),
      );
      return planUndo(title, found, owned, order);
    },
  };
  return createWorkloadExecutor(workload, openApi, patience);
}

function planUndo(
  title: string,
  found: WorkloadObject,
  owned: readonly ReplicaSet[],
  order: RollbackOrder,
): Outcome<Plan> {
  const { from, to, key } = order;
  const runs = releasesOf(found.spec.template);
  const revisions = owned.toSorted((a, b) => revisionOf(b) - revisionOf(a));
  const target = revisions.find(({ spec }) => releasesOf(spec.template).includes(to));
  if (runs.includes(to) && !runs.includes(from)) return ok({ kind: 'already', message: `${title} has ${to} already` });
  if (!runs.includes(from)) return notTheSuspect(title, from, runs);
  if (target === undefined)
    return noRevision(
      title,
      to,
      revisions.flatMap(({ spec }) => releasesOf(spec.template)),
    );
  const template = withoutHash(target.spec.template);
  if (found.spec.template !== undefined && isDeepStrictEqual(withoutHash(found.spec.template), template)) {
    return ok({ kind: 'already', message: `${title} has the pod template of revision ${revisionOf(target)} already` });
  }
  const body = [
    { op: 'test', path: '/metadata/resourceVersion', value: found.metadata.resourceVersion },
    { op: 'replace', path: '/spec/template', value: template },
    { op: 'add', path: '/metadata/annotations', value: { ...annotationsOf(found, target), [KEY_ANNOTATION]: key } },
  ];
  const message = `${title}: pod template of revision ${revisionOf(target)} (${to})`;
  return ok({ kind: 'change', message, patch: { type: 'json', body } });
}

function annotationsOf(found: WorkloadObject, target: ReplicaSet): Record<string, string> {
  const own = Object.entries(found.metadata.annotations ?? {}).filter(([name]) => KEPT_ANNOTATIONS.includes(name));
  const its = Object.entries(target.metadata.annotations ?? {}).filter(([name]) => !KEPT_ANNOTATIONS.includes(name));
  return Object.fromEntries([...own, ...its]);
}

function revisionOf({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.[REVISION] ?? 0);
}

/** As `kubectl rollout status` reads it. */
function rollout({ metadata, spec, status }: WorkloadObject): ReturnType<Workload['rollout']> {
  const numbers = Numbers.parse(status);
  const wanted = typeof spec['replicas'] === 'number' ? spec['replicas'] : 1;
  const { replicas, updatedReplicas, availableReplicas } = numbers;
  const isSeen = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const late = numbers.conditions.find(
    ({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded',
  );
  const pods = `${updatedReplicas} of ${wanted} pods have the new template, ${availableReplicas} are available, ${Math.max(0, replicas - updatedReplicas)} old ones are left`;
  if (!isSeen) return { state: 'under-way', message: 'the Deployment controller has not seen the change yet' };
  if (late !== undefined) {
    const message = `the pods did not become available within the progress deadline: ${pods}. The pod template is changed`;
    return { state: 'failed', message };
  }
  const isDone = updatedReplicas >= wanted && replicas <= updatedReplicas && availableReplicas >= wanted;
  return { state: isDone ? 'done' : 'under-way', message: pods };
}
