/** What all rollbacks of a workload of Kubernetes share: read, refuse, dry run on the server, change once, follow. */
import { setTimeout as wait } from 'node:timers/promises';
import { type Failure, failed, type Outcome, ok } from '../../errors.ts';
import type {
  ActContext,
  ActEnd,
  ActStatus,
  DryRun,
  RollbackExecutor,
  RollbackOrder,
} from '../../mitigation/executor.ts';
import type { ApiAnswer, KubernetesApi, Patch } from '../kubernetes-api.ts';
import { detectGitOps, revertInGit } from './gitops.ts';
import { releasesOf, WorkloadObject } from './kubernetes-objects.ts';
import { type Patience, untilEnd } from './until-end.ts';

/** Left on the workload, so that whoever comes after a crash knows whose change it is. */
export const KEY_ANNOTATION = 'memtriage.io/rollback';
/** `progressDeadlineSeconds` is 600 by default; a minute more, so that the controller's own word comes first. */
export const WORKLOAD_PATIENCE: Patience = { everySeconds: 5, deadlineSeconds: 660 };

/** `already`: what is asked for is there. */
export type Plan =
  | { kind: 'already'; message: string }
  | { kind: 'change'; message: string; patch: Omit<Patch, 'dryRun'> };

export type Workload = {
  /** For people: `Deployment shop/checkout`. */
  title: string;
  path: string;
  plan(
    found: WorkloadObject,
    order: RollbackOrder,
    read: (path: string) => Promise<Outcome<unknown>>,
  ): Promise<Outcome<Plan>>;
  /** How far the change is that is wanted now. */
  rollout(found: WorkloadObject): { state: 'done' | 'under-way' | 'failed'; message: string };
};

type OpenApi = () => Promise<Outcome<KubernetesApi>>;

/** `openApi` is asked before every use: a kubeconfig may change, and its client is loaded only when it is needed. */
export function createWorkloadExecutor(workload: Workload, openApi: OpenApi, patience: Patience): RollbackExecutor {
  const { title } = workload;

  async function status(order: RollbackOrder, { signal }: ActContext): Promise<ActStatus> {
    const found = await readWorkload(workload, openApi, signal);
    if (found.outcome !== 'ok') throw new Error(found.why);
    const { object } = found.value;
    const runs = releasesOf(object.spec.template);
    const isOurs = object.metadata.annotations?.[KEY_ANNOTATION] === order.key;
    if (isOurs || runs.includes(order.to)) return workload.rollout(object);
    if (runs.includes(order.from)) return { state: 'not-begun', message: `${title} still has ${order.from}` };
    return { state: 'failed', message: `${title} was changed by somebody else: it has ${runs.join(', ')}` };
  }

  async function follow(order: RollbackOrder, context: ActContext): Promise<ActEnd> {
    return await untilEnd(() => status(order, context), context, patience);
  }

  /** The server may have taken the change before its answer was lost. */
  async function afterLost(order: RollbackOrder, context: ActContext): Promise<ActEnd> {
    await wait(patience.everySeconds * 1000, undefined, { signal: context.signal });
    const seen = await status(order, context).catch(() => null);
    if (seen?.state !== 'not-begun') return await follow(order, context);
    return { state: 'failed', message: `the change did not reach the server: ${seen.message}; nothing was changed` };
  }

  return {
    status,
    follow,
    async dryRun(order, signal): Promise<DryRun> {
      const found = await readWorkload(workload, openApi, signal);
      if (found.outcome !== 'ok') return { outcome: found, managedBy: null, isRollingOut: null };
      const { api, object } = found.value;
      const managedBy = detectGitOps(object.metadata);
      const isRollingOut = workload.rollout(object).state === 'under-way';
      const outcome = await rehearse(workload, { api, object, order, signal });
      return { outcome, managedBy, isRollingOut };
    },
    async act(order, context) {
      const found = await readWorkload(workload, openApi, context.signal);
      if (found.outcome !== 'ok') return nothingChanged(found);
      const { api, object } = found.value;
      const plan = await planFor(workload, { api, object, order, signal: context.signal });
      if (plan.outcome !== 'ok') return nothingChanged(plan);
      if (plan.value.kind === 'already') return { state: 'done', message: plan.value.message };
      // Nothing has to be remembered; it only keeps out who was overtaken.
      await context.receipt.write(object.metadata.resourceVersion);
      const answer = await api.patch(workload.path, { ...plan.value.patch, dryRun: false }, context.signal);
      if (answer.outcome !== 'ok' || answer.value.status >= 500) return await afterLost(order, context);
      if (answer.value.status !== 200) return nothingChanged(refusal(title, 'change', answer.value));
      context.progress(plan.value.message);
      return await follow(order, context);
    },
  };
}

type Asked = { api: KubernetesApi; object: WorkloadObject; order: RollbackOrder; signal: AbortSignal };

async function planFor(workload: Workload, { api, object, order, signal }: Asked): Promise<Outcome<Plan>> {
  const { title } = workload;
  const managedBy = detectGitOps(object.metadata);
  if (managedBy !== null) return revertInGit(title, managedBy, order);
  return await workload.plan(object, order, async (path) => {
    const answer = await api.get(path, signal);
    if (answer.outcome !== 'ok') return answer;
    return answer.value.status === 200
      ? ok(answer.value.body)
      : refusal(`the revisions of ${title}`, 'read', answer.value);
  });
}

async function rehearse(workload: Workload, asked: Asked): Promise<Outcome<string>> {
  const plan = await planFor(workload, asked);
  if (plan.outcome !== 'ok') return plan;
  if (plan.value.kind === 'already') return ok(plan.value.message);
  const answer = await asked.api.patch(workload.path, { ...plan.value.patch, dryRun: true }, asked.signal);
  if (answer.outcome !== 'ok') return answer;
  return answer.value.status === 200 ? ok(plan.value.message) : refusal(workload.title, 'change', answer.value);
}

async function readWorkload(
  { title, path }: Workload,
  openApi: OpenApi,
  signal: AbortSignal,
): Promise<Outcome<{ api: KubernetesApi; object: WorkloadObject }>> {
  const api = await openApi();
  if (api.outcome !== 'ok') return api;
  const answer = await api.value.get(path, signal);
  if (answer.outcome !== 'ok') return answer;
  if (answer.value.status !== 200) return refusal(title, 'read', answer.value);
  const object = WorkloadObject.safeParse(answer.value.body);
  if (object.success) return ok({ api: api.value, object: object.data });
  return failed(
    'upstream',
    `${title} can't be read: ${object.error.issues[0]?.message ?? ''}`,
    'Look at it with kubectl',
  );
}

/** What an answer other than 200 means, and for whom. */
function refusal(what: string, verb: 'read' | 'change', { status, message }: ApiAnswer): Failure {
  if (status === 401 || status === 403) {
    const cure = 'Apply deploy/kubernetes/rbac.yaml for its namespace, or mend the credentials of the collector';
    return failed('operator', `the collector may not ${verb} ${what} (HTTP ${status}: ${message})`, cure);
  }
  if (status === 404) return failed('operator', `there is no ${what}`, 'Mend rollback.via in the configuration');
  if (status === 409 || status === 422) {
    return failed(
      'upstream',
      `${what} was changed by somebody else, or refuses: ${message}`,
      'Look who deploys, and ask again',
    );
  }
  return failed('upstream', `the Kubernetes API answered HTTP ${status} for ${what}: ${message}`, 'Ask again');
}

function nothingChanged({ why, tryThis }: Failure): ActEnd {
  return { state: 'failed', message: `${why}; nothing was changed. ${tryThis}` };
}

/** Why none of the revisions can be the target, for people who have to label them. */
export function noRevision(title: string, to: string, known: readonly string[]): Failure {
  const has =
    known.length === 0 ? 'it keeps no earlier revision' : `those it keeps have ${[...new Set(known)].join(', ')}`;
  const cure = 'Set MEMTRIAGE_RELEASE or the label app.kubernetes.io/version in the pod template, or roll back by hand';
  return failed('operator', `no revision of ${title} has the release ${to}: ${has}`, cure);
}

/** Not what the rollback was approved for. */
export function notTheSuspect(title: string, from: string, runs: readonly string[]): Failure {
  const has = runs.length === 0 ? 'its pod template names no release' : `it has ${runs.join(', ')}`;
  return failed('upstream', `${title} does not have ${from} any more: ${has}`, 'Ask for a fresh report');
}
