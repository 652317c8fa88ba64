import { describe, expect, test } from 'vitest';
import { endsOf, Pod, toPodAlert } from '../../src/alert/pod-end.ts';

type Given = {
  reason?: string;
  exitCode?: number;
  status?: object;
  deleted?: boolean;
  isReplaced?: boolean;
};

/** A pod whose container ended as given and runs again. */
function aPod({ reason, exitCode = 137, status = {}, deleted = false }: Given) {
  const terminated = { exitCode, finishedAt: '2026-11-22T10:00:00Z', ...(reason === undefined ? {} : { reason }) };
  return Pod.parse({
    metadata: {
      name: 'checkout-7d9-x1',
      namespace: 'shop',
      uid: 'u1',
      labels: { 'app.kubernetes.io/name': 'checkout', 'pod-template-hash': '7d9' },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'checkout-7d9' }],
      ...(deleted ? { deletionTimestamp: '2026-11-22T10:00:00Z' } : {}),
    },
    spec: { nodeName: 'node-1' },
    status: {
      phase: 'Running',
      containerStatuses: [{ name: 'app', restartCount: 3, state: { running: {} }, lastState: { terminated } }],
      ...status,
    },
  });
}

describe('why a container ended', () => {
  const disrupted = { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }] };
  const table: [string, Given, string][] = [
    ['reason OOMKilled', { reason: 'OOMKilled' }, 'oom'],
    [
      'OOMKilled with exit code 1 (the kernel took a child, and the parent ended)',
      { reason: 'OOMKilled', exitCode: 1 },
      'oom',
    ],
    [
      'OOMKilled during a rollout is still an OOM kill',
      { reason: 'OOMKilled', deleted: true, isReplaced: true },
      'oom',
    ],
    [
      'OOMKilled with the exit code of SIGTERM while its node is drained (kubernetes issue 140716)',
      { reason: 'OOMKilled', exitCode: 143, status: disrupted, deleted: true },
      'drain',
    ],
    [
      'OOMKilled with the exit code of SIGTERM while it is replaced',
      { reason: 'OOMKilled', exitCode: 143, deleted: true, isReplaced: true },
      'rollout',
    ],
    [
      'OOMKilled with the exit code of SIGTERM, and nobody took the pod down',
      { reason: 'OOMKilled', exitCode: 143 },
      'oom',
    ],
    ['exit code 137 alone is no OOM kill', { reason: 'Error' }, 'killed'],
    ['exit code 137 without a reason', {}, 'killed'],
    ['replaced by a newer template', { reason: 'Error', deleted: true, isReplaced: true }, 'rollout'],
    ['deleted and not replaced', { reason: 'Completed', exitCode: 0, deleted: true }, 'scale-down'],
    ['evicted by a drain', { reason: 'Error', status: disrupted, deleted: true }, 'drain'],
    [
      'evicted because of disk',
      { status: { reason: 'Evicted', message: 'The node was low on resource: ephemeral-storage.' } },
      'drain',
    ],
    [
      'evicted because of disk, though a container is called after memory',
      {
        status: {
          reason: 'Evicted',
          message: 'The node was low on resource: ephemeral-storage. Container memory-cache …',
        },
      },
      'drain',
    ],
    [
      'evicted because of memory',
      { status: { reason: 'Evicted', message: 'The node was low on resource: memory.' } },
      'evicted-memory',
    ],
    ['the node shut down', { reason: 'Error', status: { reason: 'NodeShutdown' } }, 'drain'],
    ['ended with an error of its own', { reason: 'Error', exitCode: 1 }, 'failed'],
    ['ended by itself', { reason: 'Completed', exitCode: 0 }, 'completed'],
  ];
  for (const [what, given, cause] of table) {
    test(`${what}: ${cause}`, () => {
      const pod = aPod(given);
      const [end] = endsOf(pod, given.isReplaced === true);
      expect(end).toMatchObject({ cause, container: 'app', at: '2026-11-22T10:00:00.000Z' });
      const isTold = cause === 'oom' || cause === 'evicted-memory';
      expect(end === undefined ? null : toPodAlert(pod, end) !== null).toBe(isTold);
    });
  }

  test('an eviction for memory is told when the kubelet lost its containers, too: as Kubernetes 1.22 and later show it', () => {
    const lost = { exitCode: 137, reason: 'ContainerStatusUnknown', startedAt: null, finishedAt: null };
    const states = [
      { state: { terminated: lost }, lastState: {} },
      { state: { terminated: lost }, lastState: { terminated: { exitCode: 1, finishedAt: '2026-11-22T09:00:00Z' } } },
      { state: { waiting: { reason: 'ContainerCreating' } }, lastState: { terminated: lost } },
    ];
    for (const state of states) {
      const pod = aPod({
        status: {
          phase: 'Failed',
          reason: 'Evicted',
          message: 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi.',
          conditions: [{ type: 'DisruptionTarget', status: 'True', lastTransitionTime: '2026-11-22T10:00:00Z' }],
          containerStatuses: [{ name: 'app', restartCount: 0, ...state }],
        },
      });
      const ends = endsOf(pod, false);
      expect(ends).toMatchObject([{ cause: 'evicted-memory', at: '2026-11-22T10:00:00.000Z' }]);
      expect(ends[0] === undefined ? null : toPodAlert(pod, ends[0])?.name).toBe('Evicted for memory');
    }
    const stillThere = [{ name: 'app', restartCount: 0, state: { running: {} } }];
    expect(endsOf(aPod({ status: { reason: 'Evicted', containerStatuses: stillThere } }), false)).toEqual([]);
  });

  test('the present state counts too, and one without a time is not guessed at', () => {
    const terminated = { reason: 'OOMKilled', exitCode: 137, finishedAt: '2026-11-22T11:00:00Z' };
    const now = { name: 'app', restartCount: 0, state: { terminated } };
    expect(endsOf(aPod({ status: { containerStatuses: [now] } }), false)).toHaveLength(1);
    const lost = { ...now, state: { terminated: { ...terminated, finishedAt: null } } };
    expect(endsOf(aPod({ status: { containerStatuses: [lost] } }), false)).toEqual([]);
  });
});

test('the alert of a kill carries what places it, and is the same however often it is told', () => {
  const pod = aPod({ reason: 'OOMKilled' });
  const [end] = endsOf(pod, false);
  if (end === undefined) throw new Error('no end');
  const alert = toPodAlert(pod, end);
  expect(alert).toEqual(toPodAlert(pod, end));
  expect(alert).toMatchObject({
    source: 'Kubernetes',
    kind: 'oom',
    startsAt: '2026-11-22T10:00:00.000Z',
    summary: expect.stringContaining('restart 3'),
    labels: {
      service: 'checkout',
      app_kubernetes_io_name: 'checkout',
      namespace: 'shop',
      pod: 'checkout-7d9-x1',
      workload: 'checkout',
    },
  });
});
