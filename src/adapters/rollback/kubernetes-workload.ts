/** What all rollbacks of a workload of Kubernetes share: read, refuse, dry run on the server, change once, follow. */
import { setTimeout as wait } from 'node:timers/promises';
import { type Failure, failed, type Outcome, ok } from '../../errors.ts';
import {
  type ActContext,
  type ActEnd,
  type ActStatus,
  type DryRun,
  type RollbackExecutor,
  type RollbackOrder,
  untouched,
} from '../../mitigation/executor.ts';
import type { KubernetesApi, Patch } from '../kubernetes-api.ts';
import { detectGitOps, revertInGit } from './gitops.ts';
import { sendAbort } from './kubernetes-abort.ts';
import { releasesOf, WorkloadObject } from './kubernetes-objects.ts';
import { halfUndone, nothingChanged, refusal } from './kubernetes-refusals.ts';
import { type Patience, untilEnd } from './until-end.ts';

/** Left on the workload, so that whoever comes after a crash knows whose change it is. */
export const KEY_ANNOTATION = 'memtriage.io/rollback';
/** The controller writes a status several times right after an abort, and each makes what we read an older one. */
const UNDO_TRIES = 10;
const AGAIN_MS = 500;
/** `progressDeadlineSeconds` is 600 by default; a minute more, so that the controller's own word comes first. */
export const WORKLOAD_PATIENCE: Patience = { everySeconds: 5, deadlineSeconds: 660 };

/** `already`: what is asked for is there. */
export type Plan = { kind: 'already'; message: string } | Change;
type Change = {
  kind: 'change';
  message: string;
  patch: Omit<Patch, 'dryRun'>;
  /** Comes first: the rollout under way is that of the release to be left, and is given up. Safe to repeat. */
  abort?: Omit<Patch, 'dryRun'>;
};

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
    if (runs.includes(order.to)) return workload.rollout(object);
    if (isOurs) {
      const message = `${title} was rolled back, and then changed by somebody else: it has ${runs.join(', ')}`;
      return { state: 'failed', message };
    }
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
    return untouched(`the change did not reach the server: ${seen.message}; nothing was changed`);
  }

  /** A Failure: it was refused. */
  async function change(api: KubernetesApi, { patch, message }: Change, order: RollbackOrder, context: ActContext) {
    const answer = await api.patch(workload.path, { ...patch, dryRun: false }, context.signal);
    if (answer.outcome !== 'ok' || answer.value.status >= 500) return await afterLost(order, context);
    if (answer.value.status !== 200) return refusal(title, 'change', answer.value);
    context.progress(message);
    return await follow(order, context);
  }

  async function abortAndChange(
    api: KubernetesApi,
    abort: Omit<Patch, 'dryRun'>,
    order: RollbackOrder,
    context: ActContext,
  ) {
    const { signal } = context;
    const answer = await sendAbort(workload.path, abort, { api, isDryRun: false, signal });
    // Whoever asks again aborts it again.
    if (answer.outcome !== 'ok') throw new Error(answer.why);
    if (answer.value.status !== 200) return nothingChanged(refusal(title, 'change', answer.value));
    context.progress(`${title}: the canary of ${order.from} is aborted`);
    let refused: Failure | null = null;
    for (let tries = 0; tries < UNDO_TRIES; tries += 1) {
      if (tries > 0) await wait(AGAIN_MS, undefined, { signal });
      const seen = await look(workload, openApi, order, signal);
      if (seen.outcome !== 'ok') return halfUndone(title, order.from, seen);
      if (seen.value.plan.kind === 'already') return await follow(order, context);
      const end = await change(api, seen.value.plan, order, context);
      if ('state' in end) return end;
      refused = end;
    }
    if (refused === null) throw new Error('nothing was tried');
    return halfUndone(title, order.from, refused);
  }

  return {
    status,
    follow,
    async dryRun(order, signal): Promise<DryRun> {
      const found = await readWorkload(workload, openApi, signal);
      if (found.outcome !== 'ok') return { outcome: found, managedBy: null, isRollingOut: null };
      const { api, object } = found.value;
      const plan = await planFor(workload, { api, object, order, signal });
      return {
        outcome: await rehearse(workload, plan, api, signal),
        managedBy: detectGitOps(object.metadata),
        isRollingOut: workload.rollout(object).state === 'under-way',
        endsRollout: plan.outcome === 'ok' && plan.value.kind === 'change' && plan.value.abort !== undefined,
      };
    },
    async act(order, context) {
      const seen = await look(workload, openApi, order, context.signal);
      if (seen.outcome !== 'ok') return nothingChanged(seen);
      const { api, object, plan } = seen.value;
      if (plan.kind === 'already') return { state: 'done', message: plan.message };
      // Nothing has to be remembered; it only keeps out who was overtaken.
      await context.receipt.write(object.metadata.resourceVersion);
      if (plan.abort !== undefined) return await abortAndChange(api, plan.abort, order, context);
      const end = await change(api, plan, order, context);
      return 'state' in end ? end : nothingChanged(end);
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

async function rehearse(
  workload: Workload,
  plan: Outcome<Plan>,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Outcome<string>> {
  if (plan.outcome !== 'ok') return plan;
  if (plan.value.kind === 'already') return ok(plan.value.message);
  const { abort, patch, message } = plan.value;
  const aborted = abort === undefined ? null : await sendAbort(workload.path, abort, { api, isDryRun: true, signal });
  if (aborted !== null && aborted.outcome !== 'ok') return aborted;
  if (aborted !== null && aborted.value.status !== 200) return refusal(workload.title, 'change', aborted.value);
  const answer = await api.patch(workload.path, { ...patch, dryRun: true }, signal);
  if (answer.outcome !== 'ok') return answer;
  return answer.value.status === 200 ? ok(message) : refusal(workload.title, 'change', answer.value);
}

async function look(workload: Workload, openApi: OpenApi, order: RollbackOrder, signal: AbortSignal) {
  const found = await readWorkload(workload, openApi, signal);
  if (found.outcome !== 'ok') return found;
  const plan = await planFor(workload, { ...found.value, order, signal });
  return plan.outcome === 'ok' ? ok({ ...found.value, plan: plan.value }) : plan;
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
