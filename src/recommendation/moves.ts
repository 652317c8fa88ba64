/** Reversible moves in the order of a runbook, each with what it buys and whether it is safe now. Pure. */
import type { HostRoom } from '../analysis/memory.ts';
import type { RestartDebt } from '../analysis/restart-debt.ts';
import type { CaptureFinding, CompareFinding, EvaluateFinding, Move } from '../incident/step-result.ts';
import type { RunbookMove } from '../runbook/runbook.ts';
import { formatBytes, formatDuration, formatRate, formatTimeLeft } from '../units.ts';
import { judgeNodes } from './judge-nodes.ts';

/** Of a machine's memory, for its kernel and its page cache: kubelets reserve 6 to 25 % of a node, less the larger it is. */
const RESERVE_RATIO = 0.1;
/** As fresh as the guards of a rollback ask. Seconds. */
const ROOM_FRESH_SECONDS = 300;

export type MoveFacts = {
  capture: CaptureFinding | null;
  compare: CompareFinding | null;
  evaluate: EvaluateFinding | null;
  /** Was the live process looked into, so that a restart destroys no evidence? */
  hasEvidence: boolean;
  debt: RestartDebt;
};

/** So near, a restart does not wait for a look into the process. */
const TOO_NEAR_SECONDS = 900;
/** More restarts than this in a day hide the leak from everybody who could mend it. */
const RESTARTS_IN_DAY = 2;

/** Nothing where memory is healthy: then there is nothing to buy. */
export function judgeMoves(moves: readonly RunbookMove[], facts: MoveFacts): Move[] {
  const verdict = facts.evaluate?.verdict ?? 'inconclusive';
  if (verdict === 'healthy') return [];
  return moves.map((move) => {
    switch (move.move) {
      case 'roll-back':
        return rollBack(facts);
      case 'add-instances':
        return addInstances(move.count, facts);
      case 'raise-limit':
        return raiseLimit(move.by, facts);
      case 'recycle-worst':
        return recycleWorst(facts);
    }
  });
}

function rollBack({ evaluate, compare }: MoveFacts): Move {
  const advice = evaluate?.recommendation;
  const name = 'roll back';
  if (advice?.action !== 'rollback') {
    // By the recommendation's own reasons: it began with the release, and there is nothing proven to go back to.
    const why =
      compare?.analysis.deploy?.rollback === 'yes'
        ? 'no healthy baseline of the release before is known'
        : compare === null
          ? 'whether anything began with the release that runs is not known'
          : 'growth did not begin with the release that runs, as far as can be told';
    return no(name, 'nothing', `not advised: ${why}`);
  }
  const way = `${advice.from ?? '?'} → ${advice.to ?? '?'}`;
  return {
    name: `${name} ${way}`,
    gain: 'ends the growth',
    buysSeconds: null,
    state: 'green',
    guard: 'whoever may approve it decides; undone by rolling forward',
  };
}

/** The same load on more instances: each grows that much slower, if its growth follows the load. */
function addInstances(count: number, facts: MoveFacts): Move {
  const name = `add ${count} instance${count === 1 ? '' : 's'}`;
  const running = facts.capture === null ? 0 : runningOf(facts.capture);
  const left = secondsLeft(facts);
  if (running === 0 || left === null) return no(name, 'not known', 'growth, limit or number of instances is not known');
  const buys = left * (count / running);
  const gain = `buys about ${formatTimeLeft(buys)} (${running} → ${running + count}), as far as growth follows the shared load`;
  return { name, gain, buysSeconds: buys, state: 'green', guard: 'undone by taking them away again' };
}

function raiseLimit(by: number, { capture, compare }: MoveFacts): Move {
  const name = `raise the limit by ${Math.round(by * 100)} %`;
  const limit = capture?.limitBytes ?? null;
  const growth = growthOf(compare);
  if (capture === null || limit === null || growth === null)
    return no(name, 'not known', 'growth or limit is not known');
  const buys = ((limit * by) / growth) * 3600;
  const gain = `buys about ${formatTimeLeft(buys)} (${formatBytes(limit * by)} at ${formatRate(growth)})`;
  return { name, gain, buysSeconds: buys, ...judgeRoom(capture, limit * by) };
}

/** By the machines, by the nodes of Kubernetes, or by the worse of both where both were looked at. */
function judgeRoom(capture: CaptureFinding, raiseBytes: number): Pick<Move, 'state' | 'guard'> {
  const { hosts = [], nodes, instances } = capture;
  const byHosts = judgeHosts(capture, raiseBytes);
  if (nodes === undefined) return byHosts;
  // Several series may be of one pod: they are named after it, and what tells them apart.
  const pods = new Set(instances.map(({ instance }) => instance.split(' ')[0])).size;
  const byNodes = judgeNodes(nodes, { raiseBytes, instances: pods, freshSeconds: ROOM_FRESH_SECONDS });
  const isWorse = STATES.indexOf(byHosts.state) > STATES.indexOf(byNodes.state);
  return hosts.length > 0 && isWorse ? byHosts : byNodes;
}

const STATES = ['green', 'amber', 'red'];

/** Has each machine that much to spare for each limit on it, and is each machine known? */
function judgeHosts(capture: CaptureFinding, raiseBytes: number): Pick<Move, 'state' | 'guard'> {
  const { hosts = [] } = capture;
  const running = runningOf(capture);
  const fresh = hosts.filter(({ ageSeconds }) => ageSeconds <= ROOM_FRESH_SECONDS);
  const judged = fresh
    .map((host) => ({ host, leftBytes: host.roomBytes - host.limits * raiseBytes - host.totalBytes * RESERVE_RATIO }))
    .toSorted((a, b) => a.leftBytes - b.leftBytes);
  const [tightest] = judged;
  const figures = tightest === undefined ? '' : roomPhrase(tightest.host, raiseBytes);
  if (tightest !== undefined && tightest.leftBytes < 0)
    return { state: 'red', guard: `the node has no room: ${figures}` };
  const known = fresh.reduce((sum, host) => sum + host.instances, 0);
  if (tightest === undefined || known < running) {
    const where = figures === '' ? 'no node was looked at' : `${known} of ${running} instances looked at: ${figures}`;
    return { state: 'amber', guard: `only if the node has that much to spare: look first (${where})` };
  }
  return { state: 'green', guard: `the node has room: ${figures}` };
}

/** `web1 has 6.0 GiB to spare, 1.6 GiB of it kept free; asked for: 2 × 250 MiB`. */
function roomPhrase({ host, roomBytes, totalBytes, limits }: HostRoom, raiseBytes: number): string {
  const kept = formatBytes(totalBytes * RESERVE_RATIO);
  return `${host} has ${formatBytes(roomBytes)} to spare, ${kept} of it kept free; asked for: ${limits} × ${formatBytes(raiseBytes)}`;
}

function recycleWorst(facts: MoveFacts): Move {
  const name = 'restart the worst instance';
  const { compare, debt, hasEvidence } = facts;
  const growth = growthOf(compare);
  const fresh = compare?.baseline?.bytes ?? null;
  const worst = compare?.worstBytes ?? null;
  const gained = growth === null || fresh === null || worst === null ? null : ((worst - fresh) / growth) * 3600;
  const gain = `${gained === null || gained <= 0 ? 'buys a time that is not known' : `buys about ${formatTimeLeft(gained)}`}; it is no fix${debtPhrase(debt)}`;
  const buysSeconds = gained !== null && gained > 0 ? gained : null;
  if (debt.restartsInDay >= RESTARTS_IN_DAY) {
    return no(
      name,
      gain,
      `restarted ${debt.restartsInDay} times in 24 h already (at most ${RESTARTS_IN_DAY}): ask the owner`,
    );
  }
  const left = secondsLeft(facts);
  if (!hasEvidence && (left === null || left > TOO_NEAR_SECONDS)) {
    return {
      name,
      gain,
      buysSeconds,
      state: 'amber',
      guard: 'look into the process first: a restart destroys the evidence',
    };
  }
  const guard = hasEvidence ? 'the evidence is taken' : 'the limit is minutes away: no time for a look';
  return { name, gain, buysSeconds, state: 'green', guard };
}

/** `; restarts hide +38 MiB/h (7 d looked at)`. */
function debtPhrase({ hiddenBytesPerHour, windowSeconds }: RestartDebt): string {
  if (hiddenBytesPerHour === null) return '';
  return `; restart debt: restarts hide ${formatRate(hiddenBytesPerHour)} (over ${formatDuration(windowSeconds)})`;
}

/** Null: not measured, or never at this growth. */
function secondsLeft({ compare }: MoveFacts): number | null {
  const left = compare?.analysis.timeToLimitSeconds?.estimate ?? null;
  return left !== null && Number.isFinite(left) ? left : null;
}

/** More than are listed, where there are many. */
function runningOf({ running, instances }: CaptureFinding): number {
  return running ?? instances.length;
}

/** Of what grows: an estimate within its own doubt buys nothing, however near to 0 it is. */
function growthOf(compare: CompareFinding | null): number | null {
  if (compare === null || compare.analysis.state === 'healthy' || compare.analysis.state === 'inconclusive')
    return null;
  const growth = compare.analysis.growth?.bytesPerHour ?? null;
  return growth !== null && growth > 0 ? growth : null;
}

function no(name: string, gain: string, guard: string): Move {
  return { name, gain, buysSeconds: null, state: 'red', guard };
}
