/** What kills, reports and time make of the umbrellas of one channel. Pure: times come in, records go out. */
import { type ChannelKills, childOf, nodesOf, openOf, type Umbrella, type UmbrellaChild } from './umbrella.ts';

/** How many kills are many at once. */
export type UmbrellaPolicy = {
  /** So many different services of one channel, killed within `withinSeconds` … */
  services: number;
  /** … or so many on the same node. */
  servicesOfNode: number;
  withinSeconds: number;
  /** It is over when no kill was told for so long. */
  endsAfterSeconds: number;
};

/**
 * 5 services in 2 min as on-call tools group storms (facts 5d). On one node 3 are enough: what the kernel takes on one
 * machine has one cause more often than not, while two neighbours are still a coincidence. 30 min without a kill is
 * longer than the longest back-off of a crash loop (5 min) and than two repeats of a rule that is evaluated each minute.
 */
export const UMBRELLA_POLICY: UmbrellaPolicy = {
  services: 5,
  servicesOfNode: 3,
  withinSeconds: 120,
  endsAfterSeconds: 1800,
};

/** A kill is told later than another one by a sampler's and a rule's own delay; what is older can't be one of many any more. */
const KEPT_SECONDS = 600;
/** As many services as one installation may have. */
const MAX_CHILDREN = 500;

/**
 * What was seen of one killed incident, put where it belongs: to the open umbrella, to a new one when there are many
 * at once, or into a thread of its own. The same again changes nothing. A new umbrella has no id yet.
 * `seen.hasThread`: it has a thread of its own already.
 */
export function place(
  before: ChannelKills,
  seen: UmbrellaChild,
  channelId: string,
  nowMs: number,
  policy: UmbrellaPolicy = UMBRELLA_POLICY,
): ChannelKills {
  const now = { ...before, umbrellas: before.umbrellas.map((one) => endIfOver(one, nowMs, policy)) };
  const open = openOf(now);
  const home = childOf(open, seen.incident) === null ? homeOf(now, seen.incident) : open;
  const known = childOf(home, seen.incident) ?? now.recent.find(({ incident }) => incident === seen.incident) ?? null;
  const child = merged(known, seen);
  const isNew = seen.kills > (known?.kills ?? 0);
  if (!isNew || (home !== null && home === open)) return seenAgain(now, child, home, isNew ? nowMs : null);

  const fresh = { ...child, firstKillAt: seen.lastKillAt };
  const others = now.recent.filter(({ incident }) => incident !== seen.incident);
  const together =
    open !== null && belongs(open, fresh, policy)
      ? [fresh]
      : manyAtOnce([...others, ...(open?.children ?? [])], fresh, policy);
  if (together.length === 0) return alone(now, fresh, home);
  const joined = { ...(open ?? newUmbrella(channelId, nowMs)), heardAt: iso(nowMs) };
  return {
    recent: others.filter((one) => !together.includes(one)),
    umbrellas: [...now.umbrellas.filter((one) => one !== open), withChildren(joined, together)],
  };
}

/** Over when no kill was told for long, or when nothing of it goes on. The very same object when it is not. */
export function endIfOver(umbrella: Umbrella, nowMs: number, policy: UmbrellaPolicy = UMBRELLA_POLICY): Umbrella {
  if (umbrella.endedAt !== null) return umbrella;
  const isStill = nowMs - Date.parse(umbrella.heardAt) >= policy.endsAfterSeconds * 1000;
  const isQuiet = umbrella.children.every(({ state, quietSince }) => state === 'closed' || quietSince !== null);
  return isStill || isQuiet ? { ...umbrella, endedAt: iso(nowMs) } : umbrella;
}

/** A person asks for the incident: it gets a thread of its own. */
export function giveThread(before: ChannelKills, incidentId: string): ChannelKills {
  const umbrellas = before.umbrellas.map((umbrella) => {
    const child = childOf(umbrella, incidentId);
    return child === null || child.hasThread ? umbrella : withChildren(umbrella, [{ ...child, hasThread: true }]);
  });
  return { ...before, umbrellas };
}

/** Of an incident's umbrellas the newest: an older one is history. */
function homeOf({ umbrellas }: ChannelKills, incidentId: string): Umbrella | null {
  return umbrellas.findLast((umbrella) => childOf(umbrella, incidentId) !== null) ?? null;
}

/** What is known of it now. Its report of a round stays as it first was; an approval must be reachable. */
function merged(known: UmbrellaChild | null, seen: UmbrellaChild): UmbrellaChild {
  const isSame = known?.report != null && known.report.round === seen.report?.round;
  const report = isSame ? known.report : (seen.report ?? known?.report ?? null);
  const hasThread = seen.hasThread || known?.hasThread === true || seen.report?.advisesRollback === true;
  return { ...seen, report, hasThread, firstKillAt: known?.firstKillAt ?? seen.firstKillAt };
}

function seenAgain(
  now: ChannelKills,
  child: UmbrellaChild,
  home: Umbrella | null,
  heardMs: number | null,
): ChannelKills {
  if (home === null) {
    return { ...now, recent: now.recent.map((one) => (one.incident === child.incident ? child : one)) };
  }
  const heard = heardMs === null ? home : { ...home, heardAt: iso(heardMs) };
  return { ...now, umbrellas: now.umbrellas.map((one) => (one === home ? withChildren(heard, [child]) : one)) };
}

/** A case of its own, for now: it gets its thread, whatever umbrella it was listed on before. */
function alone(now: ChannelKills, fresh: UmbrellaChild, home: Umbrella | null): ChannelKills {
  const child = { ...fresh, hasThread: true };
  const since = Date.parse(fresh.lastKillAt) - KEPT_SECONDS * 1000;
  const others = now.recent.filter(
    ({ incident, lastKillAt }) => incident !== child.incident && Date.parse(lastKillAt) >= since,
  );
  const former =
    home === null
      ? now
      : seenAgain(
          now,
          { ...child, firstKillAt: childOf(home, child.incident)?.firstKillAt ?? child.firstKillAt },
          home,
          null,
        );
  return { ...former, recent: [...others, child].slice(-MAX_CHILDREN) };
}

/**
 * A further kill is of an open umbrella when it is on a node of it; or when it comes while the others still do, unless
 * it names another node than the only one of the umbrella. A service that leaks by itself a quarter of an hour later
 * must not lose its thread and its page.
 */
function belongs(open: Umbrella, { node, lastKillAt }: UmbrellaChild, { withinSeconds }: UmbrellaPolicy): boolean {
  const nodes = nodesOf(open);
  if (node !== null && nodes.includes(node)) return true;
  if (node !== null && nodes.length === 1) return false;
  const newest = Math.max(...open.children.map((child) => Date.parse(child.lastKillAt)));
  return Math.abs(Date.parse(lastKillAt) - newest) <= withinSeconds * 1000;
}

/** All that were killed in the same short time as `fresh`, itself included; empty when they are too few. */
function manyAtOnce(kills: readonly UmbrellaChild[], fresh: UmbrellaChild, policy: UmbrellaPolicy): UmbrellaChild[] {
  const at = ({ lastKillAt }: UmbrellaChild): number => Date.parse(lastKillAt);
  const all = [...kills, fresh];
  const windows = all
    .filter((first) => at(first) <= at(fresh) && at(fresh) - at(first) <= policy.withinSeconds * 1000)
    .map((first) => all.filter((one) => at(one) >= at(first) && at(one) - at(first) <= policy.withinSeconds * 1000));
  const ofNode = ({ node }: UmbrellaChild): boolean => fresh.node !== null && node === fresh.node;
  const many = windows.find((window) => countServices(window) >= policy.services);
  if (many !== undefined) return many;
  const neighbours = windows.map((window) => window.filter(ofNode));
  return neighbours.find((window) => countServices(window) >= policy.servicesOfNode) ?? [];
}

function countServices(kills: readonly UmbrellaChild[]): number {
  return new Set(kills.map(({ service }) => service)).size;
}

function newUmbrella(channelId: string, nowMs: number): Umbrella {
  return {
    schema: 1,
    id: '',
    channelId,
    openedAt: iso(nowMs),
    heardAt: iso(nowMs),
    endedAt: null,
    children: [],
    pages: [],
  };
}

function withChildren(umbrella: Umbrella, changed: readonly UmbrellaChild[]): Umbrella {
  const of = new Map(changed.map((child) => [child.incident, child]));
  const known = umbrella.children.map((child) => of.get(child.incident) ?? child);
  const added = changed.filter(({ incident }) => childOf(umbrella, incident) === null);
  return { ...umbrella, children: [...known, ...added].slice(0, MAX_CHILDREN) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
