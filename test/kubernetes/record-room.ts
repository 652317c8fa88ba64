/**
 * The part of record.ts that records how the room of nodes is read: `record.ts URL TOKEN room`. The token is that of the
 * service account of deploy/kubernetes; rbac-room.yaml is applied here, after it was missing.
 */
import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { type PodSearch, readClusterRooms } from '../../src/adapters/kubernetes/cluster-rooms.ts';
import { openKubernetes } from '../../src/adapters/kubernetes-api.ts';

type Admin = (method: string, path: string, body?: unknown, type?: string) => Promise<unknown>;
const MERGE = 'application/merge-patch+json';

/** What is looked for in the recordings. */
export const CHECKOUT: PodSearch = {
  service: 'checkout',
  namespaces: ['shop'],
  isOwn: (pod) => pod.metadata.labels?.['app'] === 'checkout',
  container: null,
};

/** Two a page, so that lists have more than one. */
export async function readRooms(now: () => number) {
  const api = await openKubernetes(null);
  if (api.outcome !== 'ok') throw new Error(api.why);
  const signals = { signal: new AbortController().signal, deadline: AbortSignal.timeout(60_000) };
  return await readClusterRooms({ api: api.value, ...signals, pageObjects: 2 }, [CHECKOUT], now);
}

/** Without controllers and kubelets: what these would write is written here. */
export async function recordRoom(admin: Admin, save: (name: string) => Promise<void>): Promise<void> {
  await admin('POST', '/apis/node.k8s.io/v1/runtimeclasses', {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'sandboxed' },
    handler: 'sandboxed',
    overhead: { podFixed: { memory: '64Mi' } },
  });
  await makeNode(admin, 'room-1', { pressure: 'False' });
  await makeNode(admin, 'room-2', { pressure: 'True' });
  await makePod(admin, 'checkout-1', 'room-1', { app: 'checkout', limit: '1Gi', init: '2Gi' });
  await makePod(admin, 'checkout-2', 'room-1', { app: 'checkout', limit: '1Gi' });
  await makePod(admin, 'search-1', 'room-1', { app: 'search', runtimeClassName: 'sandboxed' });
  await makePod(admin, 'done-1', 'room-1', { app: 'done', limit: '4Gi' });
  await admin('PATCH', '/api/v1/namespaces/shop/pods/done-1/status', { status: { phase: 'Succeeded' } }, MERGE);

  console.log(JSON.stringify(await readRooms(Date.now)));
  await save('room-forbidden');
  const text = await readFile(new URL('../../deploy/kubernetes/rbac-room.yaml', import.meta.url), 'utf8');
  for (const document of parseAllDocuments(text)) await apply(admin, document.toJS() as Role);
  await makeRules(admin);
  console.log(JSON.stringify(await readRooms(Date.now)));
  await save('room');

  await makePod(admin, 'checkout-3', 'room-2', { app: 'checkout', limit: '1Gi' });
  await admin('PATCH', '/api/v1/nodes/room-2', { spec: { unschedulable: true } }, MERGE);
  console.log(JSON.stringify(await readRooms(Date.now)));
  await save('room-pressure');
  await admin('DELETE', '/api/v1/nodes/room-2');
  console.log(JSON.stringify(await readRooms(Date.now)));
  await save('room-gone');
}

type Role = { kind: string };

async function apply(admin: Admin, role: Role): Promise<void> {
  const plural = { ClusterRole: 'clusterroles', ClusterRoleBinding: 'clusterrolebindings' }[role.kind];
  const namespaced = `namespaces/shop/${role.kind.toLowerCase()}s`;
  await admin('POST', `/apis/rbac.authorization.k8s.io/v1/${plural ?? namespaced}`, role);
}

async function makeNode(admin: Admin, name: string, { pressure }: { pressure: string }): Promise<void> {
  await admin('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  const condition = (type: string, status: string) => ({ type, status, reason: 'Recorded', message: 'recorded' });
  const status = {
    capacity: { cpu: '4', memory: '16393244Ki', pods: '110' },
    allocatable: { cpu: '3920m', memory: '15341596Ki', pods: '110' },
    conditions: [condition('MemoryPressure', pressure), condition('Ready', 'True')],
  };
  await admin('PATCH', `/api/v1/nodes/${name}/status`, { status }, MERGE);
  await admin('PATCH', `/api/v1/nodes/${name}`, { spec: { taints: null } }, MERGE);
}

async function makePod(
  admin: Admin,
  name: string,
  node: string,
  { app, limit, init, ...rest }: { app: string; limit?: string; init?: string; runtimeClassName?: string },
): Promise<void> {
  const container = (of: string, memory: string | undefined) => ({
    name: of,
    image: `shop/${app}:v1`,
    resources: memory === undefined ? { requests: { memory: '300M' } } : { limits: { memory } },
  });
  const made = await admin('POST', '/api/v1/namespaces/shop/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app }, ownerReferences: [ownerOf(app)] },
    spec: {
      nodeName: node,
      automountServiceAccountToken: false,
      containers: [container('app', limit)],
      ...(init === undefined ? {} : { initContainers: [container('migrate', init)] }),
      ...rest,
    },
  });
  if ((made as Role).kind !== 'Pod') console.log(made);
}

/** Its ReplicaSet is not made: no controller is there that would take the pod away for it. */
function ownerOf(app: string) {
  const uid = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${app}-5d4f8c7b9`, uid, controller: true };
}

async function makeRules(admin: Admin): Promise<void> {
  const hard = { 'limits.memory': '6Gi' };
  await admin('POST', '/api/v1/namespaces/shop/resourcequotas', {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'team-a' },
    spec: { hard },
  });
  const status = { hard, used: { 'limits.memory': '5Gi' } };
  await admin('PATCH', '/api/v1/namespaces/shop/resourcequotas/team-a/status', { status }, MERGE);
  await admin('POST', '/api/v1/namespaces/shop/limitranges', {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { name: 'sizes' },
    spec: { limits: [{ type: 'Container', max: { memory: '2Gi' } }] },
  });
}
