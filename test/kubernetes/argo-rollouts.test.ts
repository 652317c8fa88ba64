import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openKubernetes } from '../../src/adapters/kubernetes-api.ts';
import { createArgoRolloutsExecutor } from '../../src/adapters/rollback/argo-rollouts.ts';
import { aContext, anOrder } from '../rollback/order.ts';
import { closeServer, kubeconfigFor, listen, readAll } from './exchanges.ts';

type Operation = { op: string; path: string; value: unknown };
type ServerOptions = {
  workloadRef?: object;
  /** Which release the stable ReplicaSet has. Default: v1, and v2 is a canary. */
  stable?: 'v1' | 'v2';
  /** Of older CRDs: the object has no subresource `status`. */
  isOld?: boolean;
  /** So often the controller writes between our look and our change after an abort. */
  busyWrites?: number;
};

function template(release: string) {
  return {
    metadata: { labels: { app: 'checkout' } },
    spec: { containers: [{ name: 'app', image: `shop/checkout:${release}` }] },
  };
}

/** A server that keeps one Rollout as the Argo Rollouts controller does. Written by hand: no controller was to be had. */
async function startServer({ workloadRef, stable = 'v1', isOld = false, busyWrites = 0 }: ServerOptions = {}) {
  const rollout = {
    metadata: {
      name: 'checkout',
      uid: 'r1',
      resourceVersion: '7',
      generation: 2,
      annotations: {} as Record<string, string>,
    },
    spec: { replicas: 2, selector: { matchLabels: { app: 'checkout' } }, template: template('v2'), workloadRef },
    status: {
      phase: 'Paused',
      message: 'CanaryPauseStep',
      observedGeneration: '2',
      replicas: 3,
      updatedReplicas: 1,
      availableReplicas: 3,
      currentPodHash: 'hash-v2',
      stableRS: `hash-${stable}`,
      abort: false,
    },
  };
  const replicaSets = ['v1', 'v2'].map((release, index) => ({
    metadata: {
      name: `checkout-${release}`,
      uid: release,
      resourceVersion: '1',
      annotations: { 'rollout.argoproj.io/revision': String(index + 1) },
      labels: { 'rollouts-pod-template-hash': `hash-${release}` },
      ownerReferences: [{ uid: 'r1' }],
    },
    spec: { template: template(release) },
  }));
  const patches: string[] = [];
  let writes = busyWrites;

  function abort(url: string, text: string, isDryRun: boolean): number {
    if (url.includes('/status') && isOld) return 404;
    expect(JSON.parse(text)).toEqual({ status: { abort: true } });
    if (isDryRun) return 200;
    Object.assign(rollout.status, { abort: true, phase: 'Degraded', message: 'RolloutAborted', updatedReplicas: 0 });
    rollout.metadata.resourceVersion += '1';
    return 200;
  }

  function patch(operations: readonly Operation[], isDryRun: boolean): number {
    const wanted = operations.find(({ op }) => op === 'test')?.value;
    if (!isDryRun && rollout.status.abort && writes > 0) {
      writes -= 1;
      rollout.metadata.resourceVersion += '2';
    }
    if (wanted !== rollout.metadata.resourceVersion) return 422;
    if (isDryRun) return 200;
    for (const { path, value } of operations) {
      if (path === '/spec/template') rollout.spec.template = value as ReturnType<typeof template>;
      if (path === '/metadata/annotations') rollout.metadata.annotations = value as Record<string, string>;
    }
    Object.assign(rollout.metadata, { resourceVersion: '8', generation: 3 });
    return 200;
  }

  let looks = 0;
  const server = createServer((incoming, outgoing) => {
    void readAll(incoming).then((text) => {
      const url = incoming.url ?? '';
      let status = 200;
      if (incoming.method === 'PATCH') {
        const isDryRun = url.endsWith('dryRun=All');
        const isMerge = incoming.headers['content-type'] === 'application/merge-patch+json';
        patches.push(`${isMerge ? 'merge' : 'json'} ${url.replace(/.*rollouts/, '')}`);
        status = isMerge ? abort(url, text, isDryRun) : patch(JSON.parse(text) as Operation[], isDryRun);
      } else if (rollout.metadata.generation === 3 && url.includes('rollouts')) {
        looks += 1;
        if (looks === 2) Object.assign(rollout.status, { observedGeneration: '3', phase: 'Progressing', message: '' });
        if (looks === 3) Object.assign(rollout.status, { phase: 'Healthy', replicas: 2, updatedReplicas: 2 });
      }
      outgoing.writeHead(status).end(JSON.stringify(url.includes('/replicasets') ? { items: replicaSets } : rollout));
    });
  });
  const url = await listen(server);
  const directory = await mkdtemp(join(tmpdir(), 'mt-argo-'));
  process.env['KUBECONFIG'] = join(directory, 'kubeconfig');
  await writeFile(process.env['KUBECONFIG'], kubeconfigFor(url));
  return {
    rollout,
    patches,
    async close() {
      await closeServer(server);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function executor() {
  const patience = { everySeconds: 0.02, deadlineSeconds: 20 };
  return createArgoRolloutsExecutor({ namespace: 'shop', name: 'checkout' }, () => openKubernetes(null), patience);
}

test('a canary under way is aborted, then its template goes back to that of the release before, and its controller calls it healthy', async ({
  onTestFinished,
}) => {
  const server = await startServer({ busyWrites: 2 });
  onTestFinished(server.close);
  const { context, told } = aContext();
  expect(await executor().status(anOrder(), context)).toMatchObject({ state: 'not-begun' });
  const found = await executor().dryRun(anOrder(), context.signal);
  expect(found).toMatchObject({
    isRollingOut: true,
    endsRollout: true,
    outcome: { value: 'Rollout shop/checkout: the canary of v2 is aborted, then pod template of revision 1 (v1)' },
  });
  expect(server.rollout).toMatchObject({ spec: { template: template('v2') }, status: { abort: false } });
  const rehearsed = ['merge /checkout/status?dryRun=All', 'json /checkout?dryRun=All'];
  expect(server.patches).toEqual(rehearsed);
  const end = await executor().act(anOrder(), context);
  expect(end).toEqual({ state: 'done', message: '2 of 2 pods have the new template, 3 are available' });
  expect(told).toContain('Rollout shop/checkout: the canary of v2 is aborted');
  expect(told).toContain('the Rollouts controller has not seen the change yet');
  expect(server.rollout.spec.template).toEqual(template('v1'));
  // The controller wrote its status twice in between.
  const sent = ['merge /checkout/status', 'json /checkout', 'json /checkout', 'json /checkout'];
  expect(server.patches).toEqual([...rehearsed, ...sent]);
  expect(await executor().act(anOrder(), aContext().context)).toMatchObject({
    state: 'done',
    message: expect.stringContaining('already'),
  });
  expect(server.patches).toHaveLength(6);
});

test('a controller that does not let the template be changed leaves it half done, and it says so', async ({
  onTestFinished,
}) => {
  const server = await startServer({ busyWrites: 1000 });
  onTestFinished(server.close);
  expect(await executor().act(anOrder(), aContext().context)).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/canary of v2 is aborted.* still wants v2: .*Undo it by hand/),
  });
  expect(server.rollout.status.abort).toBe(true);
});

test('an older CRD without the subresource takes the abort on the object', async ({ onTestFinished }) => {
  const server = await startServer({ isOld: true });
  onTestFinished(server.close);
  expect(await executor().act(anOrder(), aContext().context)).toMatchObject({ state: 'done' });
  expect(server.patches).toEqual(['merge /checkout/status', 'merge /checkout', 'json /checkout']);
});

test('a Rollout whose stable side is not the release to go back to is undone without an abort, and its rollout blocks', async ({
  onTestFinished,
}) => {
  const server = await startServer({ stable: 'v2' });
  onTestFinished(server.close);
  expect(await executor().dryRun(anOrder(), AbortSignal.timeout(10_000))).toMatchObject({ endsRollout: false });
  expect(await executor().act(anOrder(), aContext().context)).toMatchObject({ state: 'done' });
  expect(server.patches).toEqual(['json /checkout?dryRun=All', 'json /checkout']);
  expect(server.rollout.status.abort).toBe(false);
});

test('a Rollout that only refers to a Deployment is refused', async ({ onTestFinished }) => {
  const server = await startServer({ workloadRef: { kind: 'Deployment', name: 'checkout' } });
  onTestFinished(server.close);
  const { outcome } = await executor().dryRun(anOrder(), AbortSignal.timeout(10_000));
  expect(outcome).toMatchObject({ who: 'operator', why: expect.stringContaining('workloadRef') });
  expect(server.patches).toEqual([]);
});
