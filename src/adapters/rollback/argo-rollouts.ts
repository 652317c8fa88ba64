/** Rolls an Argo Rollout back: a canary under way is aborted, and the pod template goes back to that of the release before. */
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

const REVISION = 'rollout.argoproj.io/revision';

/** Hashes of the ReplicaSets that it goes to and that it comes from; the same: nothing is under way. */
const Canary = z.object({ currentPodHash: z.string().default(''), stableRS: z.string().default('') });
const HASH_LABEL = 'rollouts-pod-template-hash';

const Numbers = z.object({
  phase: z.string().default(''),
  message: z.string().default(''),
  replicas: z.number().default(0),
  updatedReplicas: z.number().default(0),
  availableReplicas: z.number().default(0),
});

/**
 * A canary of the suspect is aborted first, where the stable ReplicaSet has the release to go back to: its traffic ends
 * at once. Then as `kubectl argo rollouts undo`, so that what is wanted and what runs agree: the controller sees the template of a ReplicaSet that it has, and where that is the
 * stable one it ends the canary at once, without its steps. `spec.workloadRef`: refused, its Deployment has the template.
 */
export function createArgoRolloutsExecutor(
  { namespace, name }: { namespace: string; name: string },
  openApi: () => Promise<Outcome<KubernetesApi>>,
  patience: Patience = WORKLOAD_PATIENCE,
): RollbackExecutor {
  const title = `Rollout ${namespace}/${name}`;
  const inNamespace = `namespaces/${encodeURIComponent(namespace)}`;
  const workload: Workload = {
    title,
    path: `/apis/argoproj.io/v1alpha1/${inNamespace}/rollouts/${encodeURIComponent(name)}`,
    rollout,
    async plan(found, order, read) {
      if (found.spec['workloadRef'] !== undefined || found.spec.template === undefined) {
        const cure = 'Roll back the workload that it refers to (rollback.via.kubernetes)';
        return failed('operator', `${title} has no pod template of its own (workloadRef)`, cure);
      }
      const listed = await read(`/apis/apps/v1/${inNamespace}/replicasets?${selectorQuery(found.spec.selector)}`);
      if (listed.outcome !== 'ok') return listed;
      const { items } = ReplicaSets.parse(listed.value);
      const { uid } = found.metadata;
      const owned = items.filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid));
      return planUndo(title, found, owned, order);
    },
  };
  return createWorkloadExecutor(workload, openApi, patience);
}

function planUndo(
  title: string,
  found: WorkloadObject,
  owned: readonly ReplicaSet[],
  { from, to, key }: RollbackOrder,
): Outcome<Plan> {
  const runs = releasesOf(found.spec.template);
  if (runs.includes(to) && !runs.includes(from)) return ok({ kind: 'already', message: `${title} has ${to} already` });
  if (!runs.includes(from)) return notTheSuspect(title, from, runs);
  const revisions = owned.toSorted((a, b) => revisionOf(b) - revisionOf(a));
  const target = revisions.find(({ spec }) => releasesOf(spec.template).includes(to));
  if (target === undefined) {
    return noRevision(
      title,
      to,
      revisions.flatMap(({ spec }) => releasesOf(spec.template)),
    );
  }
  const annotations = { ...found.metadata.annotations, [KEY_ANNOTATION]: key };
  const body = [
    { op: 'test', path: '/metadata/resourceVersion', value: found.metadata.resourceVersion },
    { op: 'replace', path: '/spec/template', value: withoutHash(target.spec.template) },
    { op: 'add', path: '/metadata/annotations', value: annotations },
  ];
  const undo = `pod template of revision ${revisionOf(target)} (${to})`;
  const patch = { type: 'json' as const, body };
  if (!isCanaryOver(found, owned, to)) return ok({ kind: 'change', message: `${title}: ${undo}`, patch });
  const abort = { type: 'merge' as const, body: { status: { abort: true } } };
  return ok({ kind: 'change', message: `${title}: the canary of ${from} is aborted, then ${undo}`, patch, abort });
}

/** Is a rollout under way whose stable side has the release? */
function isCanaryOver({ status }: WorkloadObject, owned: readonly ReplicaSet[], to: string): boolean {
  const { currentPodHash, stableRS } = Canary.parse(status);
  if (stableRS === '' || currentPodHash === '' || currentPodHash === stableRS) return false;
  const stable = owned.find(({ metadata }) => metadata.labels?.[HASH_LABEL] === stableRS);
  return stable !== undefined && releasesOf(stable.spec.template).includes(to);
}

function revisionOf({ metadata }: ReplicaSet): number {
  return Number(metadata.annotations?.[REVISION] ?? 0);
}

/** The controller's own word (`status.phase`), once it has seen the change. */
function rollout({ metadata, spec, status }: WorkloadObject): ReturnType<Workload['rollout']> {
  const { phase, message, replicas, updatedReplicas, availableReplicas } = Numbers.parse(status);
  const wanted = typeof spec['replicas'] === 'number' ? spec['replicas'] : 1;
  const pods = `${updatedReplicas} of ${wanted} pods have the new template, ${availableReplicas} are available`;
  const said = message === '' ? pods : `${pods}: ${message}`;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
    return { state: 'under-way', message: 'the Rollouts controller has not seen the change yet' };
  }
  // Degraded is also what an aborted canary is, which a template that is stable again ends.
  if (phase === 'Degraded') return { state: 'failed', message: `the rollout is degraded: ${said}` };
  const isDone = phase === 'Healthy' && updatedReplicas >= wanted && replicas <= updatedReplicas;
  return { state: isDone ? 'done' : 'under-way', message: phase === 'Paused' ? `paused at a step: ${said}` : said };
}
