import { expect, test } from 'vitest';
import type { NodeRoom, ServiceNodes } from '../../src/analysis/node-room.ts';
import { judgeNodes } from '../../src/recommendation/judge-nodes.ts';

const MIB = 1024 ** 2;
const GIB = 1024 * MIB;
const RAISE = 250 * MIB;
/** Two pods of the service ask for 500 MiB there. */
const NODE: NodeRoom & { pods: number } = {
  node: 'node-1',
  pods: 2,
  allocatableBytes: 16 * GIB,
  requestedBytes: 9 * GIB,
  limitBytes: 20 * GIB,
  unlimitedPods: 0,
  used: 8 * GIB,
  isUnderPressure: false,
  isReady: true,
  isCordoned: false,
};
const ROOM: ServiceNodes = {
  ageSeconds: 20,
  limitBytes: 1000 * MIB,
  caps: [],
  unread: [],
  nodes: [NODE],
  unplacedPods: 0,
};
const on = (changes: Partial<typeof NODE>, ...others: ServiceNodes['nodes']): ServiceNodes => ({
  ...ROOM,
  nodes: [{ ...NODE, ...changes }, ...others],
});
const capped = (mostRaiseBytes: number, isForAll = true): ServiceNodes => ({
  ...ROOM,
  caps: [{ rule: 'ResourceQuota shop/team-a (limits.memory: 7 of 8 GiB used)', mostRaiseBytes, isForAll }],
});
const UNREAD = {
  node: 'node-2',
  pods: 1,
  unread: 'no right to read node node-2: ClusterRole memtriage-room, nodes: get is missing (HTTP 403)',
};
const NO_METRICS = 'metrics.k8s.io does not tell of it';
const FULL = 16 * GIB - 2 * RAISE;

const rows: [string, ServiceNodes, 'green' | 'amber' | 'red', RegExp][] = [
  [
    'room by requests and by use',
    ROOM,
    'green',
    /^the node has room: node-1 has 16\.0 GiB for pods: 9\.00 GiB requested, 8\.00 GiB in use, limits 20\.0 GiB \(125 %\); asked for: 2 × 250 MiB$/,
  ],
  ['just enough by requests', on({ requestedBytes: FULL }), 'green', /15\.5 GiB requested/],
  [
    'a byte too little by requests',
    on({ requestedBytes: FULL + 1 }),
    'red',
    /^the node has no room by requests; node-1/,
  ],
  ['just enough by use', on({ used: FULL }), 'green', /15\.5 GiB in use/],
  ['a byte too little by use', on({ used: FULL + 1 }), 'red', /^the node has no room by what is in use; node-1/],
  ['pressure, and room', on({ isUnderPressure: true }), 'red', /^node-1 is under MemoryPressure; node-1 has/],
  ['pressure that is not told', on({ isUnderPressure: null }), 'amber', /does not tell of MemoryPressure/],
  ['a limit above the node', { ...ROOM, limitBytes: 16 * GIB }, 'red', /smaller than the new limit/],
  [
    'no use, limits overcommitted',
    on({ used: NO_METRICS }),
    'amber',
    /not known: metrics\.k8s\.io.*use not known, limits 20/,
  ],
  ['no use, all limits fit', on({ used: NO_METRICS, limitBytes: FULL }), 'green', /use not known/],
  [
    'no use, a pod without limit',
    on({ used: NO_METRICS, limitBytes: GIB, unlimitedPods: 3 }),
    'amber',
    /3 pods without/,
  ],
  ['no use, no room by requests', on({ used: NO_METRICS, requestedBytes: 16 * GIB }), 'red', /no room by requests/],
  ['a cordoned node', on({ isCordoned: true }), 'amber', /cordoned, new pods go elsewhere.*asked for/],
  ['a node that is not ready', on({ isReady: false }), 'amber', /node-1 is not ready/],
  ['the tightest node counts', on({}, { ...NODE, node: 'node-2', requestedBytes: 17 * GIB }), 'red', /node-2 has 16/],
  [
    'a second node that can not be read',
    on({}, UNREAD),
    'amber',
    /^only .* look first \(no right to read node node-2: .*; node-1 has/,
  ],
  ['a full node beside one not read', on({ used: 16 * GIB }, UNREAD), 'red', /no room by what is in use/],
  [
    'only nodes that can not be read',
    { ...ROOM, nodes: [UNREAD, UNREAD] },
    'amber',
    /\(no right to read node node-2.* \(HTTP 403\); 1 more\)$/,
  ],
  ['pods on no node', { ...ROOM, unplacedPods: 1 }, 'amber', /1 of 3 pods are on no node yet/],
  ['fewer pods than instances', on({ pods: 1 }), 'amber', /1 of 2 instances looked at/],
  ['no pod', { ...ROOM, nodes: [], limitBytes: null }, 'amber', /look first \(no pod of the service was found\)/],
  ['pods that may not be listed', { ...ROOM, nodes: [], unread: ['HTTP 403'] }, 'amber', /look first \(HTTP 403\)/],
  ['a pod without limit', { ...ROOM, limitBytes: null }, 'amber', /no memory limit that could be raised/],
  ['a look that is old', { ...ROOM, ageSeconds: 301 }, 'amber', /not read of late/],
  ['an old look at pressure', { ...on({ isUnderPressure: true }), ageSeconds: 301 }, 'amber', /not read of late/],
  ['a quota with just enough', capped(RAISE), 'green', /has room/],
  ['a quota that forbids it', capped(RAISE - 1), 'red', /^ResourceQuota shop\/team-a .* forbids it; node-1 has/],
  ['a quota of some pods', capped(0, false), 'amber', /team-a .* forbids it, if it is for these pods/],
  ['quotas that may not be read', { ...ROOM, unread: ['no rule for resourcequotas'] }, 'amber', /no rule for resource/],
];

test.each(rows)('%s', (_case, room, state, guard) => {
  const judged = judgeNodes(room, { raiseBytes: RAISE, instances: 2, freshSeconds: 300 });
  expect(judged.state).toBe(state);
  expect(judged.guard).toMatch(guard);
  // As much as a thread shows.
  expect(judged.guard.length).toBeLessThanOrEqual(300);
});
