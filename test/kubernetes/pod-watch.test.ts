import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { watchPods } from '../../src/adapters/kubernetes/pod-watch.ts';
import { openKubernetes } from '../../src/adapters/kubernetes-api.ts';
import type { Alert } from '../../src/alert/alert.ts';
import { endsOf, Pod, toPodAlert } from '../../src/alert/pod-end.ts';
import { type Exchange, kubeconfigFor, playBack, readRecorded } from './exchanges.ts';

/** The events are those of kube-apiserver 1.20.2, recorded by record.ts. */
const PODS = '/api/v1/namespaces/shop/pods';
let directory: string;
let server: Awaited<ReturnType<typeof playBack>>;
let stop: AbortController;
let watching: Promise<void>;
let told: string[];
let alerts: Alert[];
let troubles: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mt-pods-'));
  stop = new AbortController();
  [told, alerts, troubles] = [[], [], []];
});
afterEach(async () => {
  stop.abort();
  await watching;
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

/** `fails`: so many times it can't be stored. */
async function watch(exchanges: readonly Exchange[], { fails = 0, now = recordedAt(exchanges) } = {}): Promise<void> {
  server = await playBack(exchanges);
  process.env['KUBECONFIG'] = join(directory, 'kubeconfig');
  await writeFile(process.env['KUBECONFIG'], kubeconfigFor(server.url));
  const api = await openKubernetes(null);
  if (api.outcome !== 'ok') throw new Error(api.why);
  let left = fails;
  watching = watchPods({
    api: api.value,
    namespace: 'shop',
    async announce(pod, ends) {
      left -= 1;
      if (left >= 0) throw new Error('Redis is away');
      told.push(...ends.map(({ cause }) => cause));
      alerts.push(...ends.flatMap((end) => toPodAlert(pod, end) ?? []));
    },
    onTrouble: (why) => troubles.push(why),
    now: () => now,
    signal: stop.signal,
  });
}

/** Every pod of the recording, listed or told of. */
function podsOf(exchanges: readonly Exchange[]): Pod[] {
  const objects = exchanges.flatMap(({ lines = [] }) => lines.map((line) => (line as { object: unknown }).object));
  return objects.flatMap((object) => Pod.safeParse(object).data ?? []);
}

function recordedAt(exchanges: readonly Exchange[]): number {
  const at = podsOf(exchanges).flatMap((pod) => endsOf(pod, false).map((end) => Date.parse(end.at)));
  return Math.max(...at, 0);
}

/** The stream that breaks off after some of its lines, and the one that goes on from there. */
async function recorded(breakAfter: number): Promise<Exchange[]> {
  const [list, stream] = await readRecorded('watch');
  if (list === undefined || stream === undefined) throw new Error('the recording is gone');
  const lines = stream.lines ?? [];
  const last = lines[breakAfter - 1] as { object: { metadata: { resourceVersion: string } } };
  const path = stream.path.replace(/resourceVersion=\d+$/, `resourceVersion=${last.object.metadata.resourceVersion}`);
  return [list, { ...stream, lines: lines.slice(0, breakAfter) }, { ...stream, path, lines: lines.slice(breakAfter) }];
}

test('tells an OOM kill, a SIGKILL, a rollout and a scale-down apart, over a stream that breaks off; only the kill is an alert', async () => {
  await watch(await recorded(4));
  await expect.poll(() => told.length, { timeout: 30_000 }).toBe(5);
  expect(told.toSorted()).toEqual(['killed', 'oom', 'rollout', 'rollout', 'scale-down']);
  expect(alerts).toHaveLength(1);
  expect(alerts[0]).toMatchObject({
    source: 'Kubernetes',
    kind: 'oom',
    labels: { service: 'pay', namespace: 'shop', workload: 'pay' },
  });
  expect(server.seen.filter((line) => line === `GET ${PODS}`)).toHaveLength(1);
});

test('what could not be stored is told again, and what was is not', async () => {
  await watch(await recorded(4), { fails: 2 });
  await expect.poll(() => alerts.length, { timeout: 30_000 }).toBeGreaterThan(0);
  await expect.poll(() => told.includes('scale-down'), { timeout: 30_000 }).toBe(true);
  expect(troubles).toEqual(['Redis is away', 'Redis is away']);
  expect(new Set(alerts.map(({ fingerprint, startsAt }) => `${fingerprint} ${startsAt}`)).size).toBe(1);
});

test('a version that the server has forgotten is listed anew, without trouble', async () => {
  const [list, stream] = await readRecorded('watch');
  if (list === undefined || stream === undefined) throw new Error('the recording is gone');
  const gone = {
    type: 'ERROR',
    object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' },
  };
  await watch([list, { ...stream, lines: [gone] }, stream]);
  await expect.poll(() => told.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(5);
  expect(server.seen.filter((line) => line === `GET ${PODS}`).length).toBeGreaterThan(1);
  expect(troubles).toEqual([]);
});

test('a server that ends each watch at once, or forgets each version, is not asked without a pause', async () => {
  const [list, stream] = await readRecorded('watch');
  if (list === undefined || stream === undefined) throw new Error('the recording is gone');
  const gone = {
    type: 'ERROR',
    object: { kind: 'Status', code: 500, reason: 'InternalError', message: 'etcd is away' },
  };
  for (const lines of [[], [gone]]) {
    const began = performance.now();
    await watch([list, { ...stream, lines }]);
    await expect.poll(() => server.seen.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(4);
    expect(performance.now() - began).toBeGreaterThan(900);
    stop.abort();
    await watching;
    await server.close();
    stop = new AbortController();
  }
});

test('what ended long ago, as a stale gauge still says, is no alert', async () => {
  const exchanges = await recorded(4);
  await watch(exchanges, { now: recordedAt(exchanges) + 2 * 3_600_000 });
  await expect.poll(() => server.seen.length, { timeout: 30_000 }).toBeGreaterThan(2);
  expect(told).toEqual([]);
});

test('a role that may not list pods is told, and tried again', async () => {
  const list: Exchange = {
    method: 'GET',
    path: PODS,
    contentType: null,
    request: null,
    status: 403,
    response: { message: 'pods is forbidden' },
  };
  await watch([list], { now: 0 });
  await expect.poll(() => troubles.length, { timeout: 30_000 }).toBeGreaterThan(1);
  expect(troubles[0]).toContain('HTTP 403 for the pods of shop: pods is forbidden');
});
