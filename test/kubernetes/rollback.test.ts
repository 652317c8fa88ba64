import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openKubernetes } from '../../src/adapters/kubernetes-api.ts';
import { createDeploymentExecutor } from '../../src/adapters/rollback/kubernetes-deployment.ts';
import { createRevisionExecutor } from '../../src/adapters/rollback/kubernetes-revisions.ts';
import type { RollbackExecutor } from '../../src/mitigation/executor.ts';
import { aContext, anOrder } from '../rollback/order.ts';
import { type Exchange, kubeconfigFor, playBack, readRecorded } from './exchanges.ts';

/** The answers are those of kube-apiserver and kube-controller-manager 1.20.2, recorded by record.ts. */
let directory: string;
let server: Awaited<ReturnType<typeof playBack>>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mt-kubernetes-'));
});
afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

const PATIENCE = { everySeconds: 0.02, deadlineSeconds: 20 };
const open = () => openKubernetes(null);
const CHECKOUT = { namespace: 'shop', name: 'checkout' };

async function serve(exchanges: readonly Exchange[]): Promise<void> {
  server = await playBack(exchanges);
  process.env['KUBECONFIG'] = join(directory, 'kubeconfig');
  await writeFile(process.env['KUBECONFIG'], kubeconfigFor(server.url));
}

async function rollBack(executor: RollbackExecutor, name: string) {
  await serve(await readRecorded(name));
  const { context, told } = aContext();
  const { outcome } = await executor.dryRun(anOrder(), context.signal);
  const end = await executor.act(anOrder(), context);
  expect(server.wrong).toEqual([]);
  const changes = server.seen.filter((line) => line.startsWith('PATCH'));
  return { outcome, end, told, changes };
}

test('a Deployment is undone as kubectl does it: dry run on the server, one patch with a resourceVersion test, then followed', async () => {
  const { outcome, end, told, changes } = await rollBack(
    createDeploymentExecutor(CHECKOUT, open, PATIENCE),
    'deployment',
  );
  expect(outcome).toEqual({ outcome: 'ok', value: 'Deployment shop/checkout: pod template of revision 1 (v1)' });
  expect(end).toEqual({
    state: 'done',
    message: expect.stringMatching(/^2 of 2 pods have the new template, 2 are available/),
  });
  expect(told.filter((line) => /of 2 pods have the new template/.test(line)).length).toBeGreaterThan(1);
  const path = '/apis/apps/v1/namespaces/shop/deployments/checkout';
  expect(changes).toEqual([`PATCH ${path}?dryRun=All`, `PATCH ${path}`]);
  const sent = (await readRecorded('deployment')).find(({ method }) => method === 'PATCH')?.request;
  expect(sent).toMatchObject([{ op: 'test', path: '/metadata/resourceVersion' }, { op: 'replace' }, { op: 'add' }]);
});

test('a StatefulSet and a DaemonSet go back by their ControllerRevisions', async () => {
  const store = createRevisionExecutor({ kind: 'StatefulSet', namespace: 'shop', name: 'store' }, open, PATIENCE);
  const first = await rollBack(store, 'statefulset');
  expect(first.end).toEqual({ state: 'done', message: '2 of 2 pods have the new revision, 2 are ready' });
  expect(first.changes).toHaveLength(2);
  await server.close();
  const agent = createRevisionExecutor({ kind: 'DaemonSet', namespace: 'shop', name: 'agent' }, open, PATIENCE);
  const second = await rollBack(agent, 'daemonset');
  expect(second.end).toMatchObject({ state: 'done' });
  expect(second.changes).toHaveLength(2);
});

test('after a crash the annotation on the Deployment tells whose change it was', async () => {
  const recorded = await readRecorded('deployment');
  const reads = recorded.filter(({ method, path }) => method === 'GET' && path.endsWith('/deployments/checkout'));
  const executor = createDeploymentExecutor(CHECKOUT, open, PATIENCE);
  await serve(reads.slice(0, 1));
  expect(await executor.status(anOrder(), aContext().context)).toMatchObject({ state: 'not-begun' });
  await server.close();
  await serve(reads.slice(-1));
  expect(await executor.status(anOrder(), aContext().context)).toMatchObject({ state: 'done' });
  // Nobody else's: a third release is there by now.
  const other = anOrder({ key: 'another', from: 'v4', to: 'v3' });
  expect(await executor.status(other, aContext().context)).toMatchObject({ state: 'failed' });
});

test('what somebody else changed after it is not told as its end', async () => {
  const [, last] = (await readRecorded('deployment')).slice(-2);
  if (last === undefined) throw new Error('nothing was recorded');
  const text = JSON.stringify(last.response).replaceAll('"v1"', '"v3"');
  await serve([{ ...last, response: JSON.parse(text) }]);
  const executor = createDeploymentExecutor(CHECKOUT, open, PATIENCE);
  expect(await executor.status(anOrder(), aContext().context)).toEqual({
    state: 'failed',
    message: 'Deployment shop/checkout was rolled back, and then changed by somebody else: it has v3',
  });
});

const refusals: Record<string, { name: string; over?: object; why: RegExp; who: string; managedBy?: string }> = {
  'a paused Deployment': { name: 'deployment-paused', why: /is paused/, who: 'user' },
  'one that Argo CD keeps, with the advice to revert in git': {
    name: 'deployment-argocd',
    why: /managed by Argo CD, which would bring v2 back/,
    who: 'user',
    managedBy: 'Argo CD',
  },
  'a release that no revision has': {
    name: 'deployment',
    over: { to: 'v0' },
    why: /no revision .* has the release v0/,
    who: 'operator',
  },
  'a suspect that does not run any more': {
    name: 'deployment',
    over: { from: 'v9' },
    why: /does not have v9 any more: it has v2/,
    who: 'upstream',
  },
};
for (const [what, { name, over = {}, why, who, managedBy = null }] of Object.entries(refusals)) {
  test(`refuses ${what}, and changes nothing`, async () => {
    await serve(await readRecorded(name));
    const executor = createDeploymentExecutor(CHECKOUT, open, PATIENCE);
    const found = await executor.dryRun(anOrder(over), AbortSignal.timeout(10_000));
    expect(found).toMatchObject({ managedBy, outcome: { outcome: 'error', who, why: expect.stringMatching(why) } });
    const end = await executor.act(anOrder(over), aContext().context);
    expect(end).toMatchObject({ state: 'failed', message: expect.stringContaining('nothing was changed') });
    expect(server.seen.filter((line) => line.startsWith('PATCH'))).toEqual([]);
  });
}

test('what it may not read is told with the manifest that allows it', async () => {
  await serve(await readRecorded('forbidden'));
  const executor = createDeploymentExecutor({ namespace: 'default', name: 'checkout' }, open, PATIENCE);
  const { outcome } = await executor.dryRun(anOrder(), AbortSignal.timeout(10_000));
  expect(outcome).toMatchObject({
    who: 'operator',
    why: expect.stringContaining('HTTP 403'),
    tryThis: expect.stringContaining('rbac.yaml'),
  });
});

test('somebody else was faster: the patch is refused and nothing was changed', async () => {
  const recorded = await readRecorded('deployment');
  const conflict = {
    kind: 'Status',
    reason: 'Invalid',
    message: 'the server rejected our request due to an error in our request',
  };
  await serve(recorded.map((one) => (one.method === 'PATCH' ? { ...one, status: 422, response: conflict } : one)));
  const end = await createDeploymentExecutor(CHECKOUT, open, PATIENCE).act(anOrder(), aContext().context);
  expect(end).toMatchObject({
    state: 'failed',
    message: expect.stringMatching(/changed by somebody else.*nothing was changed/),
  });
});
