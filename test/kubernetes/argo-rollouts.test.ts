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

function template(release: string) {
  return {
    metadata: { labels: { app: 'checkout' } },
    spec: { containers: [{ name: 'app', image: `shop/checkout:${release}` }] },
  };
}

/** A server that keeps one Rollout as the Argo Rollouts controller does. Written by hand: no controller was to be had. */
async function startServer(over: { workloadRef?: object } = {}) {
  const rollout = {
    metadata: {
      name: 'checkout',
      uid: 'r1',
      resourceVersion: '7',
      generation: 2,
      annotations: {} as Record<string, string>,
    },
    spec: { replicas: 2, selector: { matchLabels: { app: 'checkout' } }, template: template('v2'), ...over },
    status: {
      phase: 'Paused',
      message: 'CanaryPauseStep',
      observedGeneration: '2',
      replicas: 3,
      updatedReplicas: 1,
      availableReplicas: 3,
    },
  };
  const replicaSets = ['v1', 'v2'].map((release, index) => ({
    metadata: {
      name: `checkout-${release}`,
      uid: release,
      resourceVersion: '1',
      annotations: { 'rollout.argoproj.io/revision': String(index + 1) },
      ownerReferences: [{ uid: 'r1' }],
    },
    spec: { template: template(release) },
  }));
  const patches: string[] = [];

  function patch(operations: readonly Operation[], isDryRun: boolean): number {
    const wanted = operations.find(({ op }) => op === 'test')?.value;
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
        patches.push(url);
        status = patch(JSON.parse(text) as Operation[], url.endsWith('dryRun=All'));
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

test('a canary under way goes back to the template of the release before, and is done when its controller calls it healthy', async ({
  onTestFinished,
}) => {
  const server = await startServer();
  onTestFinished(server.close);
  const { context, told } = aContext();
  expect(await executor().status(anOrder(), context)).toMatchObject({ state: 'not-begun' });
  const found = await executor().dryRun(anOrder(), context.signal);
  expect(found).toMatchObject({
    isRollingOut: true,
    outcome: { value: 'Rollout shop/checkout: pod template of revision 1 (v1)' },
  });
  expect(server.rollout.spec.template).toEqual(template('v2'));
  const end = await executor().act(anOrder(), context);
  expect(end).toEqual({ state: 'done', message: '2 of 2 pods have the new template, 3 are available' });
  expect(told).toContain('the Rollouts controller has not seen the change yet');
  expect(server.rollout.spec.template).toEqual(template('v1'));
  expect(server.patches).toHaveLength(2);
  expect(await executor().act(anOrder(), aContext().context)).toMatchObject({
    state: 'done',
    message: expect.stringContaining('already'),
  });
  expect(server.patches).toHaveLength(2);
});

test('a Rollout that only refers to a Deployment is refused', async ({ onTestFinished }) => {
  const server = await startServer({ workloadRef: { kind: 'Deployment', name: 'checkout' } });
  onTestFinished(server.close);
  const { outcome } = await executor().dryRun(anOrder(), AbortSignal.timeout(10_000));
  expect(outcome).toMatchObject({ who: 'operator', why: expect.stringContaining('workloadRef') });
  expect(server.patches).toEqual([]);
});
