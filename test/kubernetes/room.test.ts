/**
 * The room of nodes from the API server to the thread. Lists, refusals, quotas: kube-apiserver 1.20.2, recorded by
 * record-room.ts. What no such server has (metrics.k8s.io, broken answers) is written by hand in the shape of the API's
 * documentation and played back over the same HTTP.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readClusterRooms } from '../../src/adapters/kubernetes/cluster-rooms.ts';
import { SizedPod } from '../../src/adapters/kubernetes/pod-memory.ts';
import { openKubernetes } from '../../src/adapters/kubernetes-api.ts';
import { readCollectorStats } from '../../src/adapters/redis/collector-stats.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { ok } from '../../src/errors.ts';
import { runCollector } from '../../src/main/collector.ts';
import { nodeRoomsOf, withNodeRooms } from '../../src/main/node-rooms.ts';
import { podSearchOf } from '../../src/main/pod-searches.ts';
import { probeAccess } from '../../src/main/probe-access.ts';
import { renderReportRoot } from '../../src/report/slack-root.ts';
import { startRedis } from '../support/redis.ts';
import { createWalk, growing, runbookOf } from '../triage/walk.ts';
import { type Exchange, kubeconfigFor, playBack, readRecorded } from './exchanges.ts';
import { CHECKOUT, readRooms } from './record-room.ts';

const KIB = 1024;
const MIB = KIB ** 2;
const ALLOCATABLE = 15_341_596 * KIB;
const NODE = '/api/v1/nodes/room-1';
const METRICS = '/apis/metrics.k8s.io/v1beta1/nodes/room-1';
const NOW = Date.parse('2026-11-22T10:00:00Z');

let directory: string;
let server: Awaited<ReturnType<typeof playBack>>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mt-room-'));
});
afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

async function play(exchanges: readonly Exchange[]): Promise<void> {
  server = await playBack(exchanges);
  process.env['KUBECONFIG'] = join(directory, 'kubeconfig');
  await writeFile(process.env['KUBECONFIG'], kubeconfigFor(server.url));
}

/** `changes` by path: another answer than the recorded one. */
async function recorded(name: string, changes: Readonly<Record<string, Pick<Exchange, 'status' | 'response'>>> = {}) {
  const exchanges = await readRecorded(name);
  return exchanges.map((exchange) => ({ ...exchange, ...changes[exchange.path] }));
}

function metrics(memory: string, timestamp = new Date(NOW - 30_000).toISOString()) {
  const response = {
    kind: 'NodeMetrics',
    apiVersion: 'metrics.k8s.io/v1beta1',
    metadata: { name: 'room-1', creationTimestamp: timestamp },
    timestamp,
    window: '20.05s',
    usage: { cpu: '182361456n', memory },
  };
  return { [METRICS]: { status: 200, response } };
}

/** With one service, `checkout`, and a watch of its namespace. */
function configOf(checkout: string) {
  const parsed = parseConfig(
    `prometheus: { url: http://127.0.0.1:9 }\nkubernetes: { namespaces: [shop] }\nservices:\n  checkout:\n    metrics: { rss: rss_bytes }\n    ${checkout}\n`,
    '/etc/memtriage/memtriage.yaml',
  );
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed));
  return parsed.config;
}

/** Every page of a list as the one that a larger page would have been. */
function withoutPages(exchanges: readonly Exchange[]): Exchange[] {
  const lists = new Map<string, Exchange>();
  for (const exchange of exchanges) {
    const path = exchange.path.replace(/limit=2\b/, 'limit=250').replace(/&continue=[^&]*/, '');
    const before = lists.get(path)?.response as { items: unknown[] } | undefined;
    const { items } = exchange.response as { items?: unknown[] };
    const response =
      items === undefined ? exchange.response : { metadata: {}, items: [...(before?.items ?? []), ...items] };
    lists.set(path, { ...exchange, path, response });
  }
  return [...lists.values()];
}

test('counts what the real server tells: pages, defaults, init containers, overhead, quotas, no ended pod', async () => {
  await play(await recorded('room'));
  const { nodes, services } = await readRooms(() => NOW);
  expect(server.wrong).toEqual([]);
  expect(server.seen.filter((line) => line.includes('continue=')).length).toBeGreaterThan(0);
  expect(nodes).toEqual([
    {
      node: 'room-1',
      allocatableBytes: ALLOCATABLE,
      // checkout-1 by its init container, checkout-2 by its limit, search-1 by 300 MB and the overhead of its runtime.
      requestedBytes: 2048 * MIB + 1024 * MIB + 300e6 + 64 * MIB,
      limitBytes: 2048 * MIB + 1024 * MIB,
      unlimitedPods: 1,
      used: 'metrics.k8s.io does not tell of it',
      isUnderPressure: false,
      isReady: true,
      isCordoned: false,
    },
  ]);
  expect(services).toEqual([
    {
      service: 'checkout',
      placed: [{ node: 'room-1', pods: 2 }],
      limitBytes: 1024 * MIB,
      caps: [
        {
          rule: 'ResourceQuota shop/team-a (limits.memory: 5.00 GiB of 6.00 GiB used)',
          mostRaiseBytes: 512 * MIB,
          isForAll: true,
        },
        {
          rule: 'LimitRange shop/sizes (at most 2.00 GiB a container)',
          mostRaiseBytes: 1024 * MIB,
          isForAll: true,
        },
      ],
      unread: [],
    },
  ]);
});

test('names each rule that is missing', async () => {
  await play(await recorded('room-forbidden'));
  const { nodes, services } = await readRooms(() => NOW);
  expect(server.wrong).toEqual([]);
  expect(nodes).toEqual([
    { node: 'room-1', unread: expect.stringContaining('ClusterRole memtriage-room, nodes: get') },
  ]);
  expect(services[0]?.unread).toEqual([
    'no right to read resourcequotas of shop: Role memtriage-room, resourcequotas: list is missing (HTTP 403)',
    'no right to read limitranges of shop: Role memtriage-room, limitranges: list is missing (HTTP 403)',
  ]);
});

test('tells pressure and a cordon, and then a node that is gone', async () => {
  await play(await recorded('room-pressure'));
  const pressed = await readRooms(() => NOW);
  expect(pressed.nodes[1]).toMatchObject({ node: 'room-2', isUnderPressure: true, isCordoned: true });
  expect(pressed.services[0]?.placed).toContainEqual({ node: 'room-2', pods: 1 });
  await server.close();
  await play(await recorded('room-gone'));
  expect((await readRooms(() => NOW)).nodes[1]).toEqual({ node: 'room-2', unread: 'node room-2 is gone' });
  expect(server.wrong).toEqual([]);
});

test.each<[string, Record<string, Pick<Exchange, 'status' | 'response'>>, object]>([
  ['what is in use', metrics('4257436Ki'), { used: 4_257_436 * KIB }],
  ['metrics of an hour ago', metrics('1Ki', '2026-11-22T09:00:00Z'), { used: 'what metrics.k8s.io tells is old' }],
  [
    'metrics that may not be read',
    { [METRICS]: { status: 403, response: { message: 'no' } } },
    { used: expect.stringContaining('ClusterRole memtriage-room, metrics.k8s.io nodes: get') },
  ],
  [
    'a metrics server that is away',
    { [METRICS]: { status: 503, response: { message: 'the server is currently unable to handle the request' } } },
    { used: 'HTTP 503 for the use of nodes: the server is currently unable to handle the request' },
  ],
  ['an answer of another shape', { [NODE]: { status: 200, response: { status: {} } } }, { unread: /can't be read/ }],
  ['an error of the server', { [NODE]: { status: 500, response: { message: 'etcd' } } }, { unread: /HTTP 500 .*etcd/ }],
])('%s', async (_case, changes, expected) => {
  await play(await recorded('room', changes));
  const [node] = (await readRooms(() => NOW)).nodes;
  for (const [key, value] of Object.entries(expected)) {
    if (value instanceof RegExp) expect(node).toMatchObject({ [key]: expect.stringMatching(value) });
    else expect(node).toMatchObject({ [key]: value });
  }
});

test('a server that is away or late is a reason, and the end of the collector is none', async () => {
  await play([]);
  const api = await openKubernetes(null);
  await server.close();
  if (api.outcome !== 'ok') throw new Error(api.why);
  const never = new AbortController().signal;
  const read = async (deadline: AbortSignal, signal = never) =>
    (await readClusterRooms({ api: api.value, signal, deadline }, [CHECKOUT], () => NOW)).services[0]?.unread;
  expect(await read(never)).toEqual([expect.stringMatching(/could not be asked: .*ECONNREFUSED/)]);
  expect(await read(AbortSignal.abort())).toEqual(['the pods of shop: not read before the deadline of the look']);
  await expect(read(never, AbortSignal.abort(new Error('the end')))).rejects.toThrow('the end');
});

test('stands in the thread with its figures: read by one collector, told by its heartbeat, judged by the bot', async ({
  onTestFinished,
}) => {
  // The page size of the product: one page each.
  const all = await recorded('room', metrics('4257436Ki', new Date().toISOString()));
  await play(withoutPages(all));
  const config = configOf('rollback: { via: { kubernetes: { namespace: shop, deployment: checkout } } }');
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const prefix = `{${randomUUID()}}`;
  const client = redis.connect();
  const stop = new AbortController();
  const collect = (host: string) =>
    runCollector({
      site: 'local',
      host,
      services: [],
      everySeconds: 0.2,
      keepSeconds: 3600,
      redis: redis.connect(),
      queueConnection: redis.connect(),
      prefix,
      probe: probeAccess,
      nodeRooms: nodeRoomsOf(config, 'local'),
      logger: pino({ level: 'silent' }),
      signal: stop.signal,
    });
  const running = [collect('web1')];
  onTestFinished(async () => {
    stop.abort();
    await Promise.all(running);
  });
  const memory = withNodeRooms({ readMemory: async () => await Promise.resolve(ok(growing())) }, config, {
    redis: client,
    prefix,
  });
  await vi.waitFor(
    async () => {
      const read = await memory.readMemory('checkout', 3600, stop.signal);
      expect(read).toMatchObject({ value: { nodes: { nodes: [{ node: 'room-1', pods: 2 }] } } });
    },
    { timeout: 30_000, interval: 100 },
  );
  // On each host of a site there may be a collector: one of them asks.
  running.push(collect('web2'));
  await vi.waitFor(
    async () => {
      const told = await readCollectorStats(client, prefix, 'local');
      const looks = Object.fromEntries(told.map(({ host, clusterRooms }) => [host, clusterRooms != null]));
      expect(looks).toEqual({ web1: true, web2: false });
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(server.seen.filter((line) => line === `GET ${NODE}`)).toHaveLength(1);
  expect(server.wrong).toEqual([]);
  const walk = createWalk(redis, { memory });
  const why = 'Because.';
  const report = await walk.run(
    await walk.open(),
    runbookOf(
      { step: 'capture', why },
      { step: 'compare', why },
      { step: 'evaluate', why },
      { step: 'moves', why, moves: [{ move: 'raise-limit', by: 0.25 }] },
    ),
  );
  const shown = renderReportRoot(report, { requestedBy: 'U0ALICE', link: null }).text;
  expect(shown).toMatch(
    /✅ raise the limit by 25 %: buys about [^(]+\(256 MiB at [^)]+\) \(the node has room: room-1 has 14\.6 GiB for pods: 3\.34 GiB requested, 4\.06 GiB in use, limits 3\.00 GiB \(21 %, 1 pods without\); asked for: 2 × 256 MiB\)/,
  );
});

test.each([
  ['its Deployment', 'rollback: { via: { kubernetes: { namespace: shop, deployment: checkout } } }', 2],
  ['another kind of the same name', 'rollback: { via: { kubernetes: { namespace: shop, statefulSet: checkout } } }', 0],
  ['its Rollout', 'rollback: { via: { argoRollouts: { namespace: shop, rollout: checkout } } }', 2],
  ['a workload of kubectl', podOf('deploy/checkout'), 2],
  ['a pod of kubectl', podOf('checkout-2'), 1],
  ['the watch of pods, by the label `app`', 'tier: 1', 2],
  ['the watch of pods, by labels of its own', 'alerts: { match: { app: search } }', 1],
  ['a cluster of another context', podOf('checkout-2', ', context: other'), null],
  ['processes of the collector', 'sockets: /run/memtriage/checkout', null],
])('finds the pods of a service by %s', async (_case, checkout, count) => {
  await play([]);
  const config = configOf(checkout);
  const service = config.services.get('checkout');
  const search = service === undefined ? null : podSearchOf(service, config);
  const lists = (await readRecorded('room')).filter(({ path }) => path.startsWith('/api/v1/namespaces/shop/pods'));
  const pods = lists.flatMap(({ response }) =>
    (response as { items: unknown[] }).items.map((raw) => SizedPod.parse(raw)),
  );
  expect(search === null ? null : pods.filter((pod) => search.isOwn(pod)).length).toBe(count);
  if (count === null) return;
  expect(search?.namespaces).toEqual(['shop']);
});

function podOf(pod: string, rest = ''): string {
  return `sockets: /s\n    transport: { kubectl: { namespace: shop, pod: ${pod}, probe: /p${rest} } }`;
}
