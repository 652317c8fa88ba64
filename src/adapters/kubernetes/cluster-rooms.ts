/** How much memory the nodes of a cluster could still give to the pods of services. Reads only. */
import { z } from 'zod';
import type { Pod } from '../../alert/pod-end.ts';
import type { ClusterRooms, LimitCap, NodeRoom, PodPlaces } from '../../analysis/node-room.ts';
import { readCaps } from './limit-caps.ts';
import { limitedContainer, limitOf, requestOf, SizedPod } from './pod-memory.ts';
import { Quantity } from './quantity.ts';
import { type Reading, readList, readObject } from './read-only.ts';

/** Three requests each, every two minutes: more would be a load for the API server that nobody asked for. */
const MOST_NODES = 100;
/** The metrics server measures every 15 to 60 s. */
const FRESH_MS = 300_000;
const RUNNING = 'status.phase!=Succeeded,status.phase!=Failed';

/** Where the pods of a service are looked for. `container`: the one that is meant; null: the one with the largest limit. */
export type PodSearch = {
  service: string;
  namespaces: readonly string[];
  isOwn: (pod: Pod) => boolean;
  container: string | null;
};

/** What could not be read is told in the answer. Rejects by the signal only. */
export async function readClusterRooms(
  reading: Reading,
  searches: readonly PodSearch[],
  now: () => number,
): Promise<ClusterRooms> {
  const podsOf = await readNamespaces(reading, new Set(searches.flatMap(({ namespaces }) => namespaces)));
  const services: PodPlaces[] = [];
  for (const search of searches) services.push(await findPlaces(reading, search, podsOf));
  const names = [...new Set(services.flatMap(({ placed }) => placed.flatMap(({ node }) => node ?? [])))];
  const nodes: ClusterRooms['nodes'] = [];
  for (const name of names.slice(0, MOST_NODES)) nodes.push(await readNode(reading, name, now));
  const unread = `only ${MOST_NODES} of ${names.length} nodes are looked at`;
  return { nodes: [...nodes, ...names.slice(MOST_NODES).map((node) => ({ node, unread }))], services };
}

type Namespaces = ReadonlyMap<string, { pods: readonly SizedPod[]; unread: string[] }>;

/** Each once, however many services it has. */
async function readNamespaces(reading: Reading, names: ReadonlySet<string>): Promise<Namespaces> {
  const read = new Map<string, { pods: readonly SizedPod[]; unread: string[] }>();
  for (const name of names) {
    const wanted = { what: `the pods of ${name}`, rule: 'Role memtriage-watch, pods: list' };
    const path = `/api/v1/namespaces/${encodeURIComponent(name)}/pods`;
    const pods = await readList(reading, path, { selector: RUNNING, schema: SizedPod }, wanted);
    read.set(name, pods.outcome === 'ok' ? { pods: pods.value, unread: [] } : { pods: [], unread: [pods.why] });
  }
  return read;
}

async function findPlaces(
  reading: Reading,
  { service, namespaces, isOwn, container }: PodSearch,
  podsOf: Namespaces,
): Promise<PodPlaces> {
  const all: SizedPod[] = [];
  const caps: LimitCap[] = [];
  const unread: string[] = [];
  for (const namespace of namespaces) {
    const listed = podsOf.get(namespace);
    const pods = (listed?.pods ?? []).filter((pod) => pod.metadata.deletionTimestamp == null && isOwn(pod));
    unread.push(...(listed?.unread ?? []));
    if (pods.length === 0) continue;
    all.push(...pods);
    const rules = await readCaps(reading, namespace, { pods, container });
    caps.push(...rules.caps);
    unread.push(...rules.unread);
  }
  const limits = all.map((pod) => limitedContainer(pod, container)?.limitBytes ?? null);
  const known = limits.filter((bytes) => bytes !== null);
  const nodes = [...new Set(all.map(({ spec }) => spec.nodeName ?? null))];
  return {
    service,
    placed: nodes.map((node) => ({ node, pods: all.filter(({ spec }) => (spec.nodeName ?? null) === node).length })),
    limitBytes: known.length < limits.length || known.length === 0 ? null : Math.max(...known),
    caps,
    unread,
  };
}

const Node = z.object({
  spec: z.object({ unschedulable: z.boolean().nullish() }).default({}),
  status: z.object({
    allocatable: z.object({ memory: Quantity }),
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).nullish(),
  }),
});

async function readNode(reading: Reading, node: string, now: () => number): Promise<ClusterRooms['nodes'][number]> {
  const name = encodeURIComponent(node);
  const [read, pods, used] = await Promise.all([
    readObject(reading, `/api/v1/nodes/${name}`, Node, {
      what: `node ${node}`,
      rule: 'ClusterRole memtriage-room, nodes: get',
    }),
    readList(
      reading,
      '/api/v1/pods',
      // There the server has an index by node; from etcd it would read the pods of the whole cluster for each node.
      { selector: `spec.nodeName=${node},${RUNNING}`, isCached: true, schema: SizedPod },
      { what: `the pods on ${node}`, rule: 'ClusterRole memtriage-room, pods: list' },
    ),
    readUsed(reading, name, now),
  ]);
  if (read.outcome !== 'ok') return { node, unread: read.why };
  if (read.value === null) return { node, unread: `node ${node} is gone` };
  if (pods.outcome !== 'ok') return { node, unread: pods.why };
  const { spec, status } = read.value;
  return {
    node,
    allocatableBytes: status.allocatable.memory,
    ...sumsOf(pods.value),
    used,
    isUnderPressure: conditionOf(status.conditions ?? [], 'MemoryPressure'),
    isReady: conditionOf(status.conditions ?? [], 'Ready') === true,
    isCordoned: spec.unschedulable === true,
  };
}

function sumsOf(pods: readonly SizedPod[]): Pick<NodeRoom, 'requestedBytes' | 'limitBytes' | 'unlimitedPods'> {
  const limits = pods.map(limitOf);
  return {
    requestedBytes: pods.reduce((sum, pod) => sum + requestOf(pod), 0),
    limitBytes: limits.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0),
    unlimitedPods: limits.filter((bytes) => bytes === null).length,
  };
}

/** Null: `Unknown`, as when the kubelet is lost, or not there. */
function conditionOf(conditions: readonly { type: string; status: string }[], type: string): boolean | null {
  const status = conditions.find((one) => one.type === type)?.status;
  return status === 'True' ? true : status === 'False' ? false : null;
}

const Metrics = z.object({ timestamp: z.string(), usage: z.object({ memory: Quantity }) });

/** Bytes, or why they are not known: the cluster may have no metrics server. */
async function readUsed(reading: Reading, name: string, now: () => number): Promise<number | string> {
  const path = `/apis/metrics.k8s.io/v1beta1/nodes/${name}`;
  const wanted = { what: 'the use of nodes', rule: 'ClusterRole memtriage-room, metrics.k8s.io nodes: get' };
  const metrics = await readObject(reading, path, Metrics, wanted);
  if (metrics.outcome !== 'ok') return metrics.why;
  if (metrics.value === null) return 'metrics.k8s.io does not tell of it';
  const ageMs = now() - Date.parse(metrics.value.timestamp);
  return ageMs <= FRESH_MS ? metrics.value.usage.memory : 'what metrics.k8s.io tells is old';
}
