/** Why a container ended, from what Kubernetes says of its pod. Pure. */
import { z } from 'zod';
import type { Alert } from './alert.ts';
import { cut } from './bounded.ts';
import { labelsOf } from './pod-labels.ts';

const Terminated = z.object({
  reason: z.string().nullish(),
  exitCode: z.number().nullish(),
  signal: z.number().nullish(),
  finishedAt: z.string().nullish(),
  containerID: z.string().nullish(),
});
type Terminated = z.infer<typeof Terminated>;
const State = z.object({ running: z.object({}).nullish(), terminated: Terminated.nullish() }).nullish();
const ContainerStatus = z.object({
  name: z.string(),
  restartCount: z.number().default(0),
  state: State,
  lastState: State,
});
const Names = z.record(z.string(), z.string()).nullish();

/** The fields of a pod that tell why it ended; everything else is left out. */
export const Pod = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string().default('default'),
    uid: z.string(),
    resourceVersion: z.string().default(''),
    labels: Names,
    deletionTimestamp: z.string().nullish(),
    ownerReferences: z.array(z.object({ kind: z.string(), name: z.string() })).nullish(),
  }),
  spec: z.object({ nodeName: z.string().nullish() }).default({}),
  status: z
    .object({
      phase: z.string().nullish(),
      reason: z.string().nullish(),
      message: z.string().nullish(),
      conditions: z
        .array(z.object({ type: z.string(), status: z.string(), lastTransitionTime: z.string().nullish() }))
        .nullish(),
      containerStatuses: z.array(ContainerStatus).nullish(),
    })
    .default({}),
});
export type Pod = z.infer<typeof Pod>;

export const EndCause = z.enum([
  'oom',
  'evicted-memory',
  'drain',
  'rollout',
  'scale-down',
  'killed',
  'failed',
  'completed',
]);
export type EndCause = z.infer<typeof EndCause>;

/** One container that ended. `at`: RFC 3339. */
export type ContainerEnd = {
  container: string;
  at: string;
  cause: EndCause;
  restartCount: number;
  /** A sentence: the words of Kubernetes that it was judged by. */
  evidence: string;
};

/**
 * Everything that ended in this pod as far as its status still tells: the present and the last state of each container.
 * Only the reason `OOMKilled` is an OOM kill: exit code 137 is any SIGKILL, such as that of a liveness probe, of a grace
 * period that ran out, or of a node that shuts down. With `singleProcessOOMKill` the kubelet kills one process and not
 * its container, which then neither restarts nor shows `OOMKilled`: only the cgroup's counter tells (collector).
 * `isReplaced`: pods of a newer template of the same workload are there.
 */
export function endsOf(pod: Pod, isReplaced: boolean): ContainerEnd[] {
  const ends: ContainerEnd[] = [];
  for (const { name, restartCount, state, lastState } of pod.status.containerStatuses ?? []) {
    for (const terminated of [lastState?.terminated, state?.terminated]) {
      if (terminated == null) continue;
      const at = timeOf(terminated.finishedAt);
      if (at === null) continue;
      const cause = causeOf(terminated, pod, isReplaced);
      ends.push({ container: name, at, cause, restartCount, evidence: evidenceOf(terminated, pod, cause) });
    }
  }
  // What ended before was judged by the end of the pod as well.
  return isLost(pod) ? [...ends.filter(({ cause }) => cause === 'oom'), ...evicted(pod)] : ends;
}

/**
 * Evicted, and the kubelet keeps nothing of its containers: no status (before 1.22), or `ContainerStatusUnknown` without a
 * time (kubernetes issue 122160). One that still runs will have its time.
 */
function isLost({ status: { reason, containerStatuses } }: Pod): boolean {
  if (reason !== 'Evicted') return false;
  return (containerStatuses ?? []).every(
    ({ state }) => state?.running == null && timeOf(state?.terminated?.finishedAt) === null,
  );
}

/** What taking a pod down sends first. */
const EXIT_BY_SIGTERM = 143;

function causeOf({ reason, exitCode, signal }: Terminated, pod: Pod, isReplaced: boolean): EndCause {
  const { status, metadata } = pod;
  const isDrained =
    (status.conditions ?? []).some(isDisruption) || /^(?:NodeShutdown|Terminated)$/.test(status.reason ?? '');
  // The kernel kills by SIGKILL; the kubelet says so of what it ended itself too (kubernetes issue 140716).
  const isTakenDown = exitCode === EXIT_BY_SIGTERM && (isDrained || metadata.deletionTimestamp != null);
  if (reason === 'OOMKilled' && !isTakenDown) return 'oom';
  if (status.reason === 'Evicted') return LOW_ON_MEMORY.test(status.message ?? '') ? 'evicted-memory' : 'drain';
  if (isDrained) return 'drain';
  if (metadata.deletionTimestamp != null) return isReplaced ? 'rollout' : 'scale-down';
  if (exitCode === 137 || signal === 9) return 'killed';
  return exitCode === 0 ? 'completed' : 'failed';
}

/** The kubelet's own words; the rest of the message names containers, and one may be called after memory. */
const LOW_ON_MEMORY = /low on resource: memory/i;

function isDisruption({ type, status }: { type: string; status: string }): boolean {
  return type === 'DisruptionTarget' && status === 'True';
}

const WORDS: Record<EndCause, string> = {
  oom: 'the kernel killed it for its memory limit',
  'evicted-memory': 'the kubelet evicted the pod because the node ran short of memory',
  drain: 'its node was drained, shut down or preempted',
  rollout: 'the pod was replaced by one of a newer template',
  'scale-down': 'the pod was deleted and not replaced by a newer one: a scale-down, or a person',
  killed: 'it was killed by SIGKILL, and not for its memory: a liveness probe, or a grace period that ran out',
  failed: 'it ended by itself with an error',
  completed: 'it ended by itself',
};

function evidenceOf({ reason, exitCode }: Terminated, { status }: Pod, cause: EndCause): string {
  const said = [reason, status.reason, status.message].filter((text) => text != null && text !== '').join(', ');
  return cut(`${WORDS[cause]} (${said === '' ? 'no reason given' : said}, exit code ${exitCode ?? 'unknown'})`);
}

/** Dated by the condition that says so, which stays as it is; before 1.26, by its newest one. */
function evicted(pod: Pod): ContainerEnd[] {
  const conditions = pod.status.conditions ?? [];
  const disrupted = conditions.filter(isDisruption);
  const at = (disrupted.length > 0 ? disrupted : conditions)
    .flatMap(({ lastTransitionTime }) => timeOf(lastTransitionTime) ?? [])
    .sort()
    .at(-1);
  if (at === undefined) return [];
  const cause = causeOf({}, pod, false);
  return [{ container: 'all', at, cause, restartCount: 0, evidence: evidenceOf({}, pod, cause) }];
}

/** Null: the kubelet did not tell (it writes the year 1 where it lost the container). */
function timeOf(text: string | null | undefined): string | null {
  const at = Date.parse(text ?? '');
  return at > 0 ? new Date(at).toISOString() : null;
}

/** A kill or an eviction for memory as an alert; null: it is none. The same end gives the same alert, told as often. */
export function toPodAlert(pod: Pod, end: ContainerEnd): Alert | null {
  if (end.cause !== 'oom' && end.cause !== 'evicted-memory') return null;
  const { name, namespace, uid } = pod.metadata;
  const isOom = end.cause === 'oom';
  return {
    schema: 1,
    source: 'Kubernetes',
    fingerprint: `${uid}/${end.container}/${end.cause}`,
    status: 'firing',
    startsAt: end.at,
    kind: isOom ? 'oom' : 'custom',
    severity: null,
    service: null,
    name: isOom ? 'OOMKilled' : 'Evicted for memory',
    summary: cut(
      `Container ${end.container} of pod ${namespace}/${name}: ${end.evidence}; restart ${end.restartCount}`,
    ),
    labels: labelsOf(pod, end.container),
  };
}
