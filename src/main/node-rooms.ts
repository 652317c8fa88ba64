/** The room of nodes on its way: from the collector of a site that reads it, with its heartbeat, into a service's memory. */

import type { Redis } from 'ioredis';
import { openKubernetes } from '../adapters/kubernetes-api.ts';
import { readServiceNodes } from '../adapters/redis/collector-stats.ts';
import { claimSampling } from '../adapters/redis/heartbeat.ts';
import { withDeadline } from '../adapters/redis/with-deadline.ts';
import { hasEnded } from '../collector/collector-identity.ts';
import {
  CLAIM_SECONDS,
  createNodeRooms,
  type NodeRooms,
  type NodeRoomsOptions,
  type NodeSearches,
} from '../collector/node-rooms.ts';
import type { Config } from '../config/config.ts';
import { ok } from '../errors.ts';
import type { MemorySource } from '../triage/ports.ts';
import { podSearchOf } from './pod-searches.ts';

const DEADLINE_MS = 5000;

/** What a collector of the site looks for; the client library is loaded only where there is something. */
export function nodeRoomsOf(config: Config, site: string): NodeSearches {
  const own = [...config.services.values()].filter((service) => service.site === site);
  return {
    searches: own.flatMap((service) => podSearchOf(service, config) ?? []),
    open: async () => await openKubernetes(config.kubernetes?.context ?? null),
  };
}

/** In the place of a host's name: one collector of the site, whatever its hosts. */
const NODES = 'nodes of kubernetes';

type Place = { redis: Redis; prefix: string };

export function openNodeRooms(
  options: Place & {
    site: string;
    nodeRooms?: NodeSearches;
    now?: () => number;
    signal: AbortSignal;
  },
  { who, host, ...told }: { who: string; host: string } & Pick<NodeRoomsOptions, 'tellOnce' | 'onLooked'>,
): NodeRooms {
  const { redis, prefix, site, nodeRooms, signal, now = Date.now } = options;
  if (nodeRooms === undefined || nodeRooms.searches.length === 0)
    return { current: () => null, settled: async () => {} };
  const rights = { who, ttlSeconds: CLAIM_SECONDS, hasEnded: (owner: string) => hasEnded(owner, host) };
  const claim = () => claimSampling(redis, prefix, { site, host: NODES }, rights);
  return createNodeRooms({ ...nodeRooms, ...told, claim, now, signal });
}

/** Recorded memory with the room of its pods' nodes, as the last heartbeat told. Without it the memory is told all the same. */
export function withNodeRooms(memory: MemorySource, config: Config, { redis, prefix }: Place): MemorySource {
  return {
    async readMemory(service, sinceSeconds, signal) {
      const configured = config.services.get(service);
      const isThere = configured !== undefined && podSearchOf(configured, config) !== null;
      const reading = isThere ? readServiceNodes(redis, prefix, configured.site, service) : null;
      const [read, nodes] = await Promise.all([
        memory.readMemory(service, sinceSeconds, signal),
        reading === null ? null : withDeadline(reading, DEADLINE_MS, signal).catch(() => null),
      ]);
      return read.outcome !== 'ok' || nodes === null ? read : ok({ ...read.value, nodes });
    },
  };
}
