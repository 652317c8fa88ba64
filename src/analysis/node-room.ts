/** What the nodes of a Kubernetes cluster could still give to the pods of a service, as it was read there. */
import { z } from 'zod';

/** A node that answered. Sums are of the pods that count there: neither Succeeded nor Failed. Bytes. */
export const NodeRoom = z.object({
  node: z.string(),
  /** What is left of its capacity for pods: reserves of kubelet and system are off already. */
  allocatableBytes: z.number(),
  /** What the scheduler counts. */
  requestedBytes: z.number(),
  /** Of those pods that have a limit. */
  limitBytes: z.number(),
  /** How many have none: they may take whatever there is. */
  unlimitedPods: z.number(),
  /** Working set of the whole node, reserves included; or why it is not known. */
  used: z.union([z.number(), z.string()]),
  /** The kubelet's condition; null: it does not tell. */
  isUnderPressure: z.boolean().nullable(),
  isReady: z.boolean(),
  /** `spec.unschedulable`: new pods go elsewhere. */
  isCordoned: z.boolean(),
});
export type NodeRoom = z.infer<typeof NodeRoom>;

/** `unread`: why not, and what would help. */
export const UnreadNode = z.object({ node: z.string(), unread: z.string() });

/** A rule of a namespace that lets a limit rise so far only. */
export const LimitCap = z.object({
  /** `ResourceQuota shop/team-a (limits.memory: 7.80 GiB of 8.00 GiB used)`. */
  rule: z.string(),
  /** For each pod of the service; below 0: it is over already. */
  mostRaiseBytes: z.number(),
  /** False: it is for some pods only, and whether for these was not told apart. */
  isForAll: z.boolean(),
});
export type LimitCap = z.infer<typeof LimitCap>;

/** Where the pods of a service are, and what rules their namespaces have. */
export const PodPlaces = z.object({
  service: z.string(),
  /** Without those that are being deleted. `node` null: not on one yet. */
  placed: z.array(z.object({ node: z.string().nullable(), pods: z.number() })),
  /** The largest limit of the container whose limit would rise; null: a pod has none. */
  limitBytes: z.number().nullable(),
  caps: z.array(LimitCap),
  /** What could not be read, and what would help. */
  unread: z.array(z.string()),
});
export type PodPlaces = z.infer<typeof PodPlaces>;

/** All that was read in one look. */
export const ClusterRooms = z.object({
  nodes: z.array(z.union([NodeRoom, UnreadNode])),
  services: z.array(PodPlaces),
});
export type ClusterRooms = z.infer<typeof ClusterRooms>;

/** The part of one service. `pods`: of the service on that node. `ageSeconds`: since it was read. */
export const ServiceNodes = PodPlaces.pick({ limitBytes: true, caps: true, unread: true }).extend({
  ageSeconds: z.number(),
  nodes: z.array(z.union([NodeRoom.extend({ pods: z.number() }), UnreadNode.extend({ pods: z.number() })])),
  /** Pods that are on no node yet. */
  unplacedPods: z.number(),
});
export type ServiceNodes = z.infer<typeof ServiceNodes>;

/** Null: nobody looked for this service. */
export function nodesOfService(
  { nodes, services }: ClusterRooms,
  name: string,
  ageSeconds: number,
): ServiceNodes | null {
  const own = services.find(({ service }) => service === name);
  if (own === undefined) return null;
  const { placed, limitBytes, caps, unread } = own;
  return {
    ageSeconds,
    limitBytes,
    caps,
    unread,
    nodes: placed.flatMap(({ node, pods }) => {
      if (node === null) return [];
      const room = nodes.find((one) => one.node === node) ?? { node, unread: `${node} was not looked at` };
      return [{ ...room, pods }];
    }),
    unplacedPods: placed.reduce((sum, { node, pods }) => sum + (node === null ? pods : 0), 0),
  };
}
