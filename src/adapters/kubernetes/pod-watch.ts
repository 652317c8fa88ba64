/** Watches the pods of a namespace for containers that ended. The API server is the memory: what was missed is listed. */
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { type ContainerEnd, endsOf, Pod } from '../../alert/pod-end.ts';
import { templateOf } from '../../alert/pod-labels.ts';
import { messageOf, type Outcome } from '../../errors.ts';
import type { KubernetesApi } from '../kubernetes-api.ts';

/** What ended longer ago is history: it was told then, or nobody was there to be told. Its copies are known for a day. */
const RECENT_MS = 3_600_000;
/** The server ends a watch by itself after this; a list each time would cost it more. */
const WATCH_SECONDS = 300;
const FIRST_RETRY_MS = 500;
const MOST_RETRY_MS = 30_000;

export type PodWatchOptions = {
  api: KubernetesApi;
  namespace: string;
  /** Must store them, or reject: then they are told again. The same end comes more than once. */
  announce: (pod: Pod, ends: readonly ContainerEnd[]) => Promise<void>;
  /** Once each time that it stops working. */
  onTrouble: (why: string) => void;
  now: () => number;
  signal: AbortSignal;
};

const List = z.object({ metadata: z.object({ resourceVersion: z.string() }), items: z.array(z.unknown()) });
const Event = z.object({ type: z.string(), object: z.unknown() });
const Version = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

/** Runs until the signal aborts; never rejects. */
export async function watchPods(options: PodWatchOptions): Promise<void> {
  const { signal, onTrouble } = options;
  let retryMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    const began = options.now();
    const why = await listAndWatch(options).catch(messageOf);
    if (signal.aborted) return;
    if (options.now() - began > MOST_RETRY_MS) retryMs = FIRST_RETRY_MS;
    if (why !== null) onTrouble(why);
    await wait(why === null ? 0 : retryMs, undefined, { signal }).catch(() => {});
    retryMs = why === null ? FIRST_RETRY_MS : Math.min(MOST_RETRY_MS, 2 * retryMs);
  }
}

/** A watch that ended sooner than this gave nothing to wait for: a server or proxy that ends each at once must not be stormed. */
const SHORT_WATCH_MS = 1000;

/** Null: the server wants to be listed anew, which is no trouble. */
async function listAndWatch(options: PodWatchOptions): Promise<string | null> {
  const { api, namespace, signal } = options;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  const listed = await api.get(path, signal);
  if (listed.outcome !== 'ok') return listed.why;
  const list = List.safeParse(listed.value.body);
  if (!list.success) return `HTTP ${listed.value.status} for the pods of ${namespace}: ${listed.value.message}`;
  const teller = createTeller(options);
  for (const item of list.data.items) teller.remember(item);
  for (const item of list.data.items) await teller.tell(item);
  let version = list.data.metadata.resourceVersion;
  for (;;) {
    const began = performance.now();
    const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${version}`;
    const ended = await watchOnce(`${path}?${query}`, teller, options);
    const leftMs = SHORT_WATCH_MS - (performance.now() - began);
    if (ended.why === null && leftMs > 0) await wait(leftMs, undefined, { signal });
    if (ended.why !== null || ended.version === null) return ended.why;
    version = ended.version;
  }
}

/** Events one after the other, in their order. `version` null: too old for the server, list anew. */
async function watchOnce(
  path: string,
  teller: Teller,
  { api, namespace, signal }: PodWatchOptions,
): Promise<{ why: string | null; version: string | null }> {
  const broken = new AbortController();
  let version: string | null = /resourceVersion=(.*)$/.exec(path)?.[1] ?? null;
  let chain: Promise<void> = Promise.resolve();
  let why: string | null = null;
  const take = async (raw: unknown): Promise<void> => {
    const event = Event.safeParse(raw);
    if (!event.success || event.data.type === 'ERROR') {
      version = null;
      return;
    }
    const { type, object } = event.data;
    if (type !== 'BOOKMARK') teller.remember(object);
    if (type !== 'BOOKMARK') await teller.tell(object);
    if (type === 'DELETED') teller.forget(object);
    version = Version.safeParse(object).data?.metadata.resourceVersion ?? version;
  };
  const onEvent = (raw: unknown): void => {
    chain = chain
      .then(() => take(raw))
      .catch((error: unknown) => {
        why ??= messageOf(error);
        broken.abort();
      });
  };
  const either = AbortSignal.any([signal, broken.signal]);
  const ended: Outcome<{ status: number; message: string }> | null = await api
    .watch(path, onEvent, either)
    .catch(() => null);
  await chain;
  if (why !== null || ended === null) return { why: why ?? 'the watch was stopped', version };
  if (ended.outcome !== 'ok') return { why: ended.why, version };
  if (ended.value.status === 410) return { why: null, version: null };
  return ended.value.status === 200
    ? { why: null, version }
    : { why: `HTTP ${ended.value.status} for the watch of ${namespace}: ${ended.value.message}`, version };
}

type Teller = {
  remember: (raw: unknown) => void;
  tell: (raw: unknown) => Promise<void>;
  forget: (raw: unknown) => void;
};

function createTeller({ announce, now }: PodWatchOptions): Teller {
  /** Templates of each workload, in the order in which their first pod was seen; of pods that are there. */
  const pods = new Map<string, { workload: string; hash: string }>();
  const told = new Set<string>();

  const isReplaced = (pod: Pod): boolean => {
    const own = templateOf(pod);
    return (
      own !== null && [...pods.values()].some(({ workload, hash }) => workload === own.workload && hash !== own.hash)
    );
  };

  return {
    remember(raw) {
      const pod = Pod.safeParse(raw).data;
      const template = pod === undefined || pod.metadata.deletionTimestamp != null ? null : templateOf(pod);
      if (pod !== undefined && template !== null) pods.set(pod.metadata.uid, template);
    },
    async tell(raw) {
      const parsed = Pod.safeParse(raw);
      if (!parsed.success) return;
      const pod = parsed.data;
      const keyOf = ({ container, at }: ContainerEnd) => `${pod.metadata.uid}/${container}/${at}`;
      const isNew = (end: ContainerEnd) => Date.parse(end.at) > now() - RECENT_MS && !told.has(keyOf(end));
      const ends = endsOf(pod, isReplaced(pod)).filter(isNew);
      if (ends.length === 0) return;
      await announce(pod, ends);
      for (const end of ends) told.add(keyOf(end));
    },
    forget(raw) {
      const uid = Pod.safeParse(raw).data?.metadata.uid;
      if (uid === undefined) return;
      pods.delete(uid);
      for (const key of told) if (key.startsWith(`${uid}/`)) told.delete(key);
    },
  };
}
