/** May the limit of a service's pods rise, by what their nodes and the rules of their namespace leave? Pure. */
import type { NodeRoom, ServiceNodes } from '../analysis/node-room.ts';
import type { Move } from '../incident/step-result.ts';
import { formatBytes } from '../units.ts';

type OnNode = NodeRoom & { pods: number };
/** A guard has 300 characters in a thread, and its figures some 150. */
const REASONS_LENGTH = 100;

/**
 * Red: it can't be done, or harms others (MemoryPressure, no room by requests or by use, a rule of the namespace). Green:
 * every node is known, and has the room by requests and by use; where the use is not known, only if even all limits
 * together would fit. Else amber, with what is not known. No reserve is kept: what kubelet, system and the threshold of
 * evictions keep is not in `allocatable`. `instances`: so many pods the recorded memory is of.
 */
export function judgeNodes(
  room: ServiceNodes,
  { raiseBytes, instances, freshSeconds }: { raiseBytes: number; instances: number; freshSeconds: number },
): Pick<Move, 'state' | 'guard'> {
  if (room.ageSeconds > freshSeconds) return { state: 'amber', guard: lookFirst('the nodes were not read of late') };
  const nodes = room.nodes.filter((node) => 'allocatableBytes' in node);
  const tightest = nodes.toSorted((a, b) => leftBytes(a, raiseBytes) - leftBytes(b, raiseBytes))[0];
  const figures = tightest === undefined ? [] : [nodePhrase(tightest, raiseBytes)];
  const forbids = room.caps.filter(({ mostRaiseBytes }) => mostRaiseBytes < raiseBytes);
  const red = [
    ...forbids.filter(({ isForAll }) => isForAll).map(({ rule }) => `${rule} forbids it`),
    ...nodes.flatMap((node) => whyNot(node, raiseBytes, room.limitBytes)),
  ];
  if (red.length > 0) return { state: 'red', guard: [reasonsPhrase(red), ...figures].join('; ') };
  const amber = [
    ...room.unread,
    ...room.nodes.flatMap((node) => ('unread' in node ? node.unread : whatIsOpen(node, raiseBytes))),
    ...forbids.map(({ rule }) => `${rule} forbids it, if it is for these pods`),
    ...whatIsMissing(room, instances),
  ];
  if (amber.length > 0) return { state: 'amber', guard: lookFirst([reasonsPhrase(amber), ...figures].join('; ')) };
  return { state: 'green', guard: `the node has room: ${figures.join()}` };
}

/** The first, and as many more as there is room for; of the others, how many they are. */
function reasonsPhrase(reasons: readonly string[]): string {
  const told = reasons.filter((_, i) => i === 0 || reasons.slice(0, i + 1).join('; ').length <= REASONS_LENGTH);
  const untold = reasons.length - told.length;
  return [...told, ...(untold > 0 ? [`${untold} more`] : [])].join('; ');
}

function lookFirst(why: string): string {
  return `only if the node has that much to spare: look first (${why})`;
}

function whyNot(node: OnNode, raiseBytes: number, limitBytes: number | null): string[] {
  const { allocatableBytes, requestedBytes, used } = node;
  const asked = node.pods * raiseBytes;
  const is: [boolean, string][] = [
    [node.isUnderPressure === true, `${node.node} is under MemoryPressure`],
    [(limitBytes ?? 0) + raiseBytes > allocatableBytes, `${node.node} is smaller than the new limit`],
    [requestedBytes + asked > allocatableBytes, `the node has no room by requests`],
    [typeof used === 'number' && used + asked > allocatableBytes, `the node has no room by what is in use`],
  ];
  return is.flatMap(([holds, why]) => (holds ? [why] : []));
}

function whatIsOpen(node: OnNode, raiseBytes: number): string[] {
  const { allocatableBytes, limitBytes, unlimitedPods, used } = node;
  const fitsByLimits = unlimitedPods === 0 && limitBytes + node.pods * raiseBytes <= allocatableBytes;
  const is: [boolean, string][] = [
    [node.isUnderPressure === null, `${node.node} does not tell of MemoryPressure`],
    [!node.isReady, `${node.node} is not ready`],
    [node.isCordoned, `${node.node} is cordoned, new pods go elsewhere`],
    [typeof used === 'string' && !fitsByLimits, `its use is not known: ${used}`],
  ];
  return is.flatMap(([holds, why]) => (holds ? [why] : []));
}

function whatIsMissing({ nodes, unplacedPods, limitBytes, unread }: ServiceNodes, instances: number): string[] {
  const placed = nodes.reduce((sum, { pods }) => sum + pods, 0);
  if (placed + unplacedPods === 0) return unread.length > 0 ? [] : ['no pod of the service was found'];
  return [
    ...(unplacedPods > 0 ? [`${unplacedPods} of ${placed + unplacedPods} pods are on no node yet`] : []),
    ...(placed < instances ? [`${placed} of ${instances} instances looked at`] : []),
    ...(limitBytes === null ? ['a pod has no memory limit that could be raised'] : []),
  ];
}

function leftBytes({ allocatableBytes, requestedBytes, used, pods }: OnNode, raiseBytes: number): number {
  const taken = Math.max(requestedBytes, typeof used === 'number' ? used : 0);
  return allocatableBytes - taken - pods * raiseBytes;
}

/** `node-1 has 15.5 GiB for pods: 9.20 GiB requested, 8.10 GiB in use, limits 21.0 GiB (135 %); asked for: 2 × 250 MiB`. */
function nodePhrase(node: OnNode, raiseBytes: number): string {
  const { allocatableBytes, requestedBytes, limitBytes, unlimitedPods, used, pods } = node;
  const unlimited = unlimitedPods === 0 ? '' : `, ${unlimitedPods} pods without`;
  const limits = `limits ${formatBytes(limitBytes)} (${Math.round((limitBytes / allocatableBytes) * 100)} %${unlimited})`;
  const use = typeof used === 'number' ? `${formatBytes(used)} in use` : 'use not known';
  const has = `${node.node} has ${formatBytes(allocatableBytes)} for pods`;
  return `${has}: ${formatBytes(requestedBytes)} requested, ${use}, ${limits}; asked for: ${pods} × ${formatBytes(raiseBytes)}`;
}
