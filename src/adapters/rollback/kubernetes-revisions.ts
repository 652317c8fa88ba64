/** Undoes a StatefulSet or a DaemonSet as kubectl does: the patch that one of its ControllerRevisions is. */
import { z } from 'zod';
import { failed, type Outcome, ok } from '../../errors.ts';
import type { RollbackExecutor, RollbackOrder } from '../../mitigation/executor.ts';
import type { KubernetesApi } from '../kubernetes-api.ts';
import { ControllerRevisions, releasesOf, selectorQuery, type WorkloadObject } from './kubernetes-objects.ts';
import { noRevision, notTheSuspect } from './kubernetes-refusals.ts';
import {
  createWorkloadExecutor,
  KEY_ANNOTATION,
  type Plan,
  WORKLOAD_PATIENCE,
  type Workload,
} from './kubernetes-workload.ts';
import type { Patience } from './until-end.ts';

const Strategy = z.object({
  type: z.string().default('RollingUpdate'),
  rollingUpdate: z.object({ partition: z.number().default(0) }).nullish(),
});
const StatefulSetStatus = z.object({
  updatedReplicas: z.number().default(0),
  readyReplicas: z.number().default(0),
  currentRevision: z.string().default(''),
  updateRevision: z.string().default(''),
});
const DaemonSetStatus = z.object({
  desiredNumberScheduled: z.number().default(0),
  updatedNumberScheduled: z.number().default(0),
  numberAvailable: z.number().default(0),
});

type Place = { kind: 'StatefulSet' | 'DaemonSet'; namespace: string; name: string };

export function createRevisionExecutor(
  { kind, namespace, name }: Place,
  openApi: () => Promise<Outcome<KubernetesApi>>,
  patience: Patience = WORKLOAD_PATIENCE,
): RollbackExecutor {
  const apps = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}`;
  const title = `${kind} ${namespace}/${name}`;
  const workload: Workload = {
    title,
    path: `${apps}/${kind === 'StatefulSet' ? 'statefulsets' : 'daemonsets'}/${encodeURIComponent(name)}`,
    rollout: kind === 'StatefulSet' ? statefulSetRollout : daemonSetRollout,
    async plan(found, order, read) {
      const { type, rollingUpdate } = Strategy.parse(found.spec['updateStrategy'] ?? {});
      if (type === 'OnDelete' || (rollingUpdate?.partition ?? 0) > 0) {
        const how = type === 'OnDelete' ? 'OnDelete' : 'a partition';
        const cure = `Roll it back by hand: kubectl -n ${namespace} rollout undo ${kind.toLowerCase()}/${name}, then see to its pods`;
        return failed('user', `${title} updates with ${how}, so a new template would not reach all its pods`, cure);
      }
      const listed = await read(`${apps}/controllerrevisions?${selectorQuery(found.spec.selector)}`);
      if (listed.outcome !== 'ok') return listed;
      return planUndo(title, found, ControllerRevisions.parse(listed.value).items, order);
    },
  };
  return createWorkloadExecutor(workload, openApi, patience);
}

function planUndo(
  title: string,
  found: WorkloadObject,
  items: z.infer<typeof ControllerRevisions>['items'],
  { from, to, key }: RollbackOrder,
): Outcome<Plan> {
  const { uid, resourceVersion } = found.metadata;
  const runs = releasesOf(found.spec.template);
  if (runs.includes(to) && !runs.includes(from)) return ok({ kind: 'already', message: `${title} has ${to} already` });
  if (!runs.includes(from)) return notTheSuspect(title, from, runs);
  const revisions = items
    .filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid))
    .toSorted((a, b) => b.revision - a.revision);
  const target = revisions.find(({ data }) => releasesOf(data.spec.template).includes(to));
  if (target === undefined)
    return noRevision(
      title,
      to,
      revisions.flatMap(({ data }) => releasesOf(data.spec.template)),
    );
  // With a resourceVersion the server refuses what somebody else changed in between (409).
  const metadata = { resourceVersion, annotations: { [KEY_ANNOTATION]: key } };
  const message = `${title}: revision ${target.revision} (${to})`;
  return ok({ kind: 'change', message, patch: { type: 'strategic', body: { ...target.data, metadata } } });
}

function statefulSetRollout({ metadata, spec, status }: WorkloadObject): ReturnType<Workload['rollout']> {
  const { updatedReplicas, readyReplicas, currentRevision, updateRevision } = StatefulSetStatus.parse(status);
  if (!isSeen(metadata.generation, status.observedGeneration)) return notSeen('StatefulSet');
  const wanted = typeof spec['replicas'] === 'number' ? spec['replicas'] : 1;
  // Once all are updated, the controller makes the update the current one, and counts no updated ones any more (1.20).
  const isWhole = currentRevision === updateRevision || updatedReplicas >= wanted;
  const changed = currentRevision === updateRevision ? wanted : updatedReplicas;
  const message = `${changed} of ${wanted} pods have the new revision, ${readyReplicas} are ready`;
  return { state: isWhole && readyReplicas >= wanted ? 'done' : 'under-way', message };
}

function daemonSetRollout({ metadata, status }: WorkloadObject): ReturnType<Workload['rollout']> {
  const { desiredNumberScheduled: wanted, updatedNumberScheduled, numberAvailable } = DaemonSetStatus.parse(status);
  if (!isSeen(metadata.generation, status.observedGeneration)) return notSeen('DaemonSet');
  const message = `${updatedNumberScheduled} of ${wanted} pods have the new revision, ${numberAvailable} are available`;
  return { state: updatedNumberScheduled >= wanted && numberAvailable >= wanted ? 'done' : 'under-way', message };
}

function isSeen(generation: number | undefined, observed: number | undefined): boolean {
  return (observed ?? 0) >= (generation ?? 0);
}

function notSeen(kind: string): { state: 'under-way'; message: string } {
  return { state: 'under-way', message: `the ${kind} controller has not seen the change yet` };
}
