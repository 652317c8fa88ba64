/** How much more memory the nodes of Kubernetes could give to the services of a site. Read by one of its collectors. */
import { type PodSearch, readClusterRooms } from '../adapters/kubernetes/cluster-rooms.ts';
import type { KubernetesApi } from '../adapters/kubernetes-api.ts';
import type { ClusterRooms } from '../analysis/node-room.ts';
import { type Failure, failed, messageOf, type Outcome } from '../errors.ts';
import type { TellOnce } from './tell-once.ts';

/** The guard of a move takes figures of the last 5 minutes: one look may fail. */
const LOOK_EVERY_MS = 120_000;
const LOOK_DEADLINE_MS = 60_000;
/** Longer than a look, and renewed at every heartbeat beside it. */
export const CLAIM_SECONDS = 120;

/** What is looked for, and how the cluster is reached. */
export type NodeSearches = { searches: readonly PodSearch[]; open: () => Promise<Outcome<KubernetesApi>> };

export type NodeRoomsOptions = NodeSearches & {
  /** True when this collector is the one of its site that looks: each host of a site may have one. */
  claim: () => Promise<boolean>;
  /** A look has ended: what is known has changed. */
  onLooked: () => void;
  tellOnce: TellOnce;
  /** Epoch milliseconds. */
  now: () => number;
  signal: AbortSignal;
};

export type NodeRooms = {
  /** What the last look saw; a new one goes on behind it when it is due. Null: none yet, or another collector looks. */
  current: () => (ClusterRooms & { ageSeconds: number }) | null;
  /** Resolves when the look under way has ended. Never rejects. */
  settled: () => Promise<void>;
};

export function createNodeRooms(options: NodeRoomsOptions): NodeRooms {
  const { claim, onLooked, tellOnce, now, signal } = options;
  let last: { atMs: number; seen: ClusterRooms } | null = null;
  let running: Promise<void> | null = null;

  async function lookIfDue(): Promise<void> {
    // One that Redis does not answer is told by the samples that fail with it.
    const isOurs = await claim().catch(() => null);
    if (isOurs === false) last = null;
    if (isOurs !== true) return;
    const atMs = now();
    if (last !== null && Math.abs(atMs - last.atMs) < LOOK_EVERY_MS) return;
    last = { atMs, seen: await look(options) };
    tellOnce('room of nodes', firstTrouble(last.seen));
    onLooked();
  }

  return {
    current() {
      if (signal.aborted) return null;
      running ??= lookIfDue()
        .catch((error: unknown) => {
          if (!signal.aborted) tellOnce('room of nodes', failed('us', messageOf(error), 'Please report it'));
        })
        .finally(() => {
          running = null;
        });
      return last === null ? null : { ...last.seen, ageSeconds: Math.max(0, (now() - last.atMs) / 1000) };
    },
    settled: async () => await (running ?? undefined),
  };
}

async function look({ searches, open, now, signal }: NodeRoomsOptions): Promise<ClusterRooms> {
  const api = await open();
  if (api.outcome === 'ok') {
    const reading = { api: api.value, signal, deadline: AbortSignal.timeout(LOOK_DEADLINE_MS) };
    return await readClusterRooms(reading, searches, now);
  }
  const nothing = { placed: [], limitBytes: null, caps: [], unread: [api.why] };
  return { nodes: [], services: searches.map(({ service }) => ({ service, ...nothing })) };
}

/** A cluster without a metrics server is none: the thread says that the use is not known. */
function firstTrouble({ nodes, services }: ClusterRooms): Failure | null {
  const unread = [
    ...services.flatMap((service) => service.unread),
    ...nodes.flatMap((node) => ('unread' in node ? node.unread : [])),
  ];
  const cure =
    'Where a right is missing, apply deploy/kubernetes/rbac-room.yaml. Nothing but raising a limit depends on it';
  return unread[0] === undefined ? null : failed('operator', unread[0], cure);
}
