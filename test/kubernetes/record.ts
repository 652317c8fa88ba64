/**
 * Runs the rollbacks of Kubernetes against a real API server with its controllers, and writes down what went over the
 * wire: `npx tsx test/kubernetes/record.ts https://127.0.0.1:26443 ADMIN_TOKEN [watch|room]`. It needs an empty namespace `shop` and
 * the role of deploy/kubernetes/rbac.yaml for the user of the token `collector-token`. No kubelet runs there: what one
 * would do to pods is done by `beKubelet`. A server of 1.20 that is built by Go 1.18 or later needs the `mapiterinit` of
 * github.com/modern-go/reflect2 1.0.2, or it dies of the first label.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { watchPods } from '../../src/adapters/kubernetes/pod-watch.ts';
import { openKubernetes } from '../../src/adapters/kubernetes-api.ts';
import { createDeploymentExecutor } from '../../src/adapters/rollback/kubernetes-deployment.ts';
import { createRevisionExecutor } from '../../src/adapters/rollback/kubernetes-revisions.ts';
import type { RollbackExecutor } from '../../src/mitigation/executor.ts';
import { aContext, anOrder } from '../rollback/order.ts';
import { closeServer, type Exchange, kubeconfigFor, listen, readAll } from './exchanges.ts';
import { recordRoom } from './record-room.ts';

const [server = '', token = ''] = process.argv.slice(2);
const APPS = '/apis/apps/v1/namespaces/shop';
process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';

async function admin(method: string, path: string, body?: unknown, type = 'application/json'): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': type };
  const response = await fetch(server + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return await response.json();
}

type Pod = {
  metadata: { name: string; deletionTimestamp?: string };
  spec: { nodeName?: string; containers: { name: string }[]; affinity?: unknown };
  status: { phase: string };
};

/** Binds pods to the one node, makes them ready, and ends those that are deleted. */
async function beKubelet(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { items } = (await admin('GET', '/api/v1/namespaces/shop/pods')) as { items: Pod[] };
    for (const { metadata, spec, status } of items) {
      const path = `/api/v1/namespaces/shop/pods/${metadata.name}`;
      if (metadata.deletionTimestamp !== undefined) {
        // Ended by SIGTERM first, and only then gone.
        await terminate(metadata.name, { reason: 'Completed', exitCode: 0 });
        await admin('DELETE', path, { gracePeriodSeconds: 0 });
      } else if (spec.nodeName === undefined) {
        await admin('POST', `${path}/binding`, {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name: metadata.name },
          target: { kind: 'Node', name: 'node-1' },
        });
      } else if (status.phase === 'Pending')
        await admin(
          'PATCH',
          `${path}/status`,
          { status: ready(spec.containers[0]?.name ?? 'app') },
          'application/merge-patch+json',
        );
    }
    await wait(300);
  }
}

function ready(name: string) {
  const at = new Date().toISOString();
  const conditions = ['Initialized', 'ContainersReady', 'Ready', 'PodScheduled'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: at,
  }));
  const running = {
    name,
    ready: true,
    restartCount: 0,
    image: 'i',
    imageID: 'i',
    started: true,
    state: { running: { startedAt: at } },
    lastState: {},
  };
  return { phase: 'Running', startTime: at, conditions, containerStatuses: [running] };
}

/** Between the client and the server: passes everything on, and writes it down. */
async function recorder() {
  const exchanges: Exchange[] = [];
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const text = await readAll(incoming);
    const [method = '', path = ''] = [incoming.method, incoming.url];
    const contentType = incoming.headers['content-type'] ?? null;
    const headers = {
      authorization: incoming.headers.authorization ?? '',
      ...(contentType === null ? {} : { 'content-type': contentType }),
    };
    const gone = new AbortController();
    outgoing.on('close', () => gone.abort());
    const response = await fetch(server + path, {
      method,
      headers,
      ...(text === '' ? {} : { body: text }),
      signal: gone.signal,
    });
    const request: unknown = text === '' ? null : JSON.parse(text);
    const exchange: Exchange = { method, path, contentType, request, status: response.status, response: null };
    exchanges.push(exchange);
    outgoing.writeHead(response.status, { 'content-type': 'application/json' });
    if (!path.includes('watch=')) {
      const answer = await response.text();
      // An API that is not served is refused in plain text.
      const isJson = response.headers.get('content-type')?.includes('json') === true;
      exchange.response = isJson ? (JSON.parse(answer) as unknown) : answer;
      outgoing.end(answer);
      return;
    }
    exchange.lines = [];
    let rest = '';
    for await (const chunk of response.body ?? []) {
      const lines = (rest + Buffer.from(chunk).toString()).split('\n');
      rest = lines.pop() ?? '';
      exchange.lines.push(...lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown));
      outgoing.write(chunk);
    }
    outgoing.end();
  };
  const proxy = createServer((incoming, outgoing) => void pass(incoming, outgoing).catch(() => outgoing.destroy()));
  const url = await listen(proxy);
  const directory = await mkdtemp(join(tmpdir(), 'mt-record-'));
  process.env['KUBECONFIG'] = join(directory, 'kubeconfig');
  await writeFile(process.env['KUBECONFIG'], kubeconfigFor(url));
  return {
    exchanges,
    async save(name: string) {
      for (const exchange of exchanges) strip(exchange.response);
      for (const { lines = [] } of exchanges) lines.forEach(strip);
      const file = new URL(`recorded/${name}.json`, import.meta.url);
      await writeFile(file, `[\n${exchanges.map((exchange) => JSON.stringify(exchange)).join(',\n')}\n]\n`);
      console.log(
        name,
        exchanges.map(({ method, path, status }) => `${method} ${path} ${status}`),
      );
      exchanges.length = 0;
    },
    close: () => closeServer(proxy),
  };
}

/** Who set which field when: half of every object, and read by nobody here. */
function strip(value: unknown): void {
  if (Array.isArray(value)) value.forEach(strip);
  else if (typeof value === 'object' && value !== null) {
    Reflect.deleteProperty(value, 'managedFields');
    Object.values(value).forEach(strip);
  }
}

function podTemplate(release: string, app = 'checkout') {
  const env = [{ name: 'MEMTRIAGE_RELEASE', value: release }];
  return {
    metadata: { labels: { app } },
    spec: { containers: [{ name: 'app', image: `shop/checkout:${release}`, env }] },
  };
}

async function deployTwice(plural: string, kind: string, name: string, extra: Record<string, unknown>): Promise<void> {
  const selector = { matchLabels: { app: name } };
  const template = (release: string) => ({ ...podTemplate(release), metadata: { labels: { app: name } } });
  const spec = { selector, ...extra };
  await admin('POST', `${APPS}/${plural}`, {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'shop' },
    spec: { ...spec, template: template('v1') },
  });
  await wait(5000);
  await admin(
    'PATCH',
    `${APPS}/${plural}/${name}`,
    { spec: { template: template('v2') } },
    'application/strategic-merge-patch+json',
  );
  await wait(7000);
}

async function rollBack(executor: RollbackExecutor): Promise<void> {
  const { context, told } = aContext();
  console.log(await executor.dryRun(anOrder(), context.signal));
  console.log(await executor.act(anOrder(), context), told);
  console.log(await executor.status(anOrder(), context));
}

async function record(): Promise<void> {
  const stop = new AbortController();
  const { save, close } = await recorder();
  if (process.argv[4] === 'watch') return await recordWatch(save);
  if (process.argv[4] === 'room') return await recordRoom(admin, save);
  await admin('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } });
  await wait(1000);
  await admin('PATCH', '/api/v1/nodes/node-1', { spec: { taints: null } }, 'application/merge-patch+json');
  const kubelet = beKubelet(stop.signal);
  const open = () => openKubernetes(null);
  const patience = { everySeconds: 0.5, deadlineSeconds: 60 };

  await deployTwice('deployments', 'Deployment', 'checkout', { replicas: 2 });
  const deployment = createDeploymentExecutor({ namespace: 'shop', name: 'checkout' }, open, patience);
  await rollBack(deployment);
  await save('deployment');
  // The very same order again, a paused one, and one that Argo CD keeps.
  await admin(
    'PATCH',
    `${APPS}/deployments/checkout`,
    { spec: { paused: true, template: podTemplate('v2') } },
    'application/strategic-merge-patch+json',
  );
  console.log(await deployment.dryRun(anOrder(), stop.signal));
  await save('deployment-paused');
  const marks = {
    metadata: { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:apps/Deployment:shop/checkout' } },
  };
  await admin(
    'PATCH',
    `${APPS}/deployments/checkout`,
    { ...marks, spec: { paused: false } },
    'application/strategic-merge-patch+json',
  );
  await wait(4000);
  console.log(await deployment.dryRun(anOrder(), stop.signal));
  await save('deployment-argocd');

  await deployTwice('statefulsets', 'StatefulSet', 'store', { replicas: 2, serviceName: 'store' });
  await rollBack(createRevisionExecutor({ kind: 'StatefulSet', namespace: 'shop', name: 'store' }, open, patience));
  await save('statefulset');
  await deployTwice('daemonsets', 'DaemonSet', 'agent', {});
  await rollBack(createRevisionExecutor({ kind: 'DaemonSet', namespace: 'shop', name: 'agent' }, open, patience));
  await save('daemonset');
  console.log(
    await createDeploymentExecutor({ namespace: 'default', name: 'checkout' }, open).dryRun(anOrder(), stop.signal),
  );
  await save('forbidden');
  stop.abort();
  await kubelet;
  await close();
}

/** A container that is OOM-killed, one that is ended by SIGKILL, a rollout, a scale-down: as the API server tells them. */
async function recordWatch(save: (name: string) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const kubelet = beKubelet(stop.signal);
  const api = await openKubernetes(null);
  if (api.outcome !== 'ok') throw new Error(api.why);
  const seen: string[] = [];
  await admin('POST', `${APPS}/deployments`, deploymentOf('pay', 2));
  await wait(3000);
  const watching = watchPods({
    api: api.value,
    namespace: 'shop',
    async announce(pod, ends) {
      seen.push(...ends.map(({ cause, at }) => `${pod.metadata.name} ${cause} ${at}`));
    },
    onTrouble: (why) => console.log(why),
    now: Date.now,
    signal: stop.signal,
  });
  const [first, second] = await podsOf('pay');
  await terminate(first ?? '', { reason: 'OOMKilled', exitCode: 137 });
  await terminate(second ?? '', { reason: 'Error', exitCode: 137 });
  await wait(1000);
  await admin(
    'PATCH',
    `${APPS}/deployments/pay`,
    { spec: { template: podTemplate('v2', 'pay') } },
    'application/strategic-merge-patch+json',
  );
  await wait(8000);
  await admin('PATCH', `${APPS}/deployments/pay`, { spec: { replicas: 1 } }, 'application/merge-patch+json');
  await wait(3000);
  stop.abort();
  await Promise.all([kubelet, watching]);
  console.log(seen);
  await save('watch');
}

function deploymentOf(name: string, replicas: number) {
  const selector = { matchLabels: { app: name } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas, selector, template: podTemplate('v1', name) },
  };
}

async function podsOf(app: string): Promise<string[]> {
  const { items } = (await admin('GET', `/api/v1/namespaces/shop/pods?labelSelector=app%3D${app}`)) as { items: Pod[] };
  return items.map(({ metadata }) => metadata.name);
}

/** As the kubelet writes it once the container was started again. */
async function terminate(pod: string, how: { reason: string; exitCode: number }): Promise<void> {
  const at = new Date().toISOString();
  const status = ready('app');
  const [container] = status.containerStatuses;
  const lastState = { terminated: { ...how, startedAt: at, finishedAt: at } };
  const containerStatuses = [{ ...container, restartCount: 1, lastState }];
  await admin(
    'PATCH',
    `/api/v1/namespaces/shop/pods/${pod}/status`,
    { status: { ...status, containerStatuses } },
    'application/merge-patch+json',
  );
}

await record();
process.exit(0);
