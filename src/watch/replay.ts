import type { Baseline } from '../analysis/baseline.ts';
import { type BaselineRecord, considerBaseline } from '../analysis/baseline-record.ts';
import type { ServiceMemory } from '../analysis/memory.ts';
import type { Policy } from '../analysis/policy.ts';
import { type AlarmLevel, advance, type OpenIncident, type WatchAction, type WatchState } from './hysteresis.ts';
import { type Judged, judgeMemory } from './judge-memory.ts';
import { memoryAsOf } from './memory-as-of.ts';
import { baselineReadSeconds, watchEverySeconds, watchPace, watchWindowSeconds } from './pace.ts';

/** One alarm that would have been raised. Times in epoch seconds; null: not yet, or not at all. */
export type ReplayedAlarm = {
  openedAt: number;
  level: AlarmLevel;
  /** When the same thread would have told that it worsened. */
  worsenedAt: number | null;
  /** The last look that still saw trouble. */
  lastSeenAt: number;
  /** After a full healthy window. */
  closedAt: number | null;
  release: string | null;
  bytesPerHour: number | null;
  /** What was seen, a plain sentence. */
  why: string;
  /** What bore it out before it was closed: an OOM kill, or a leak that later looks still saw. */
  borneOutBy: 'oom-kill' | 'leak' | null;
};

/** `leadSeconds`: from the first alarm of the incident that was open then; null: no alarm came before. */
export type ReplayedKill = { at: number; leadSeconds: number | null };

export type Replay = {
  policy: Policy;
  fromSeconds: number;
  untilSeconds: number;
  everySeconds: number;
  looks: number;
  /** Looks that could tell something. */
  told: number;
  alarms: readonly ReplayedAlarm[];
  /** Null when nothing counts OOM kills of this service. */
  oomKills: readonly ReplayedKill[] | null;
  baselines: readonly { at: number; release: string | null; bytes: number }[];
};

export type ReplayGiven = {
  service: string;
  memory: ServiceMemory;
  policy: Policy;
  fromSeconds: number;
  untilSeconds: number;
  /** Between two looks; default: as live. Fewer looks cost less and tell later by up to one of them. */
  everySeconds?: number;
};

/**
 * What the live watch would have done with the recorded memory: the same looks at the same pace, the same analysis with
 * nothing but the data up to each moment, and the baselines that it would have recorded by itself, from none on.
 * A triage is taken to end at once, with the level that was told. Linear in the number of looks; yields the share that
 * is done after each of them, since a fortnight takes minutes.
 */
export function* replaySteps(given: ReplayGiven): Generator<number, Replay> {
  const { memory, policy, fromSeconds, untilSeconds, everySeconds = watchEverySeconds(policy) } = given;
  const walk = startWalk();
  let looks = 0;
  for (let at = fromSeconds; at <= untilSeconds; at += everySeconds) {
    looks += 1;
    lookAt(at, { ...given, everySeconds }, walk);
    yield (at - fromSeconds) / Math.max(1, untilSeconds - fromSeconds);
  }
  const alarms = walk.alarms.map((alarm) => bearOut(alarm, memory.oomKillsAt));
  return {
    policy,
    fromSeconds,
    untilSeconds,
    everySeconds,
    looks,
    told: walk.told,
    alarms,
    oomKills: toKills(memory.oomKillsAt, alarms, given),
    baselines: walk.baselines.map(({ baseline, at }) => ({ at, release: baseline.release, bytes: baseline.bytes })),
  };
}

/** The same in one go. */
export function replay(given: ReplayGiven): Replay {
  const steps = replaySteps(given);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

type OpenAlarm = ReplayedAlarm & { leakSeenAgain: boolean };

type Walk = {
  state: WatchState | null;
  open: OpenIncident | null;
  alarms: OpenAlarm[];
  baselines: { baseline: Baseline; at: number }[];
  told: number;
};

function startWalk(): Walk {
  return { state: null, open: null, alarms: [], baselines: [], told: 0 };
}

function lookAt(at: number, { service, memory, policy, everySeconds }: ReplayGiven, walk: Walk): void {
  const seen = memoryAsOf(memory, at, watchWindowSeconds(policy));
  const current = walk.baselines.at(-1)?.baseline ?? null;
  const judged = judgeMemory({ memory: seen, baseline: current, policy, nowSeconds: at });
  const { signs, release } = judged;
  if (signs !== null) walk.told += 1;
  const wasOpen = walk.open !== null;
  const { next, action } = advance(
    walk.state,
    { atMs: at * 1000, signs, release },
    walk.open,
    watchPace(policy, everySeconds),
  );
  walk.state = next;
  follow(walk, at, judged, action);
  if (wasOpen || action.kind !== 'none' || signs?.length !== 0) return;
  const recent = memoryAsOf(seen, at, baselineReadSeconds(policy));
  const considered = considerBaseline({ memory: recent, policy, nowSeconds: at, current });
  if ('refused' in considered) return;
  walk.baselines.push({ baseline: toBaseline(service, considered.record, at), at });
}

function follow(walk: Walk, at: number, judged: Judged, action: WatchAction): void {
  const last = walk.alarms.at(-1);
  const present = walk.open === null ? undefined : last;
  if (present !== undefined && judged.signs !== null && judged.signs.length > 0) {
    present.lastSeenAt = at;
    present.leakSeenAgain ||= judged.state === 'leak';
  }
  if (action.kind === 'none') return;
  if (action.kind === 'close') {
    if (present !== undefined) present.closedAt = at;
    walk.open = null;
    return;
  }
  walk.open = { verdict: action.level, hasThread: true };
  if (present !== undefined) {
    if (present.level !== action.level) present.worsenedAt = at;
    present.level = action.level;
    return;
  }
  walk.alarms.push({
    openedAt: at,
    level: action.level,
    worsenedAt: null,
    lastSeenAt: at,
    closedAt: null,
    release: judged.release,
    bytesPerHour: judged.growth?.bytesPerHour ?? null,
    why: judged.why,
    borneOutBy: null,
    leakSeenAgain: false,
  });
}

function bearOut({ leakSeenAgain, ...alarm }: OpenAlarm, oomKillsAt: readonly number[] | null): ReplayedAlarm {
  const isKilled = oomKillsAt?.some((at) => isDuring(at, alarm)) ?? false;
  return { ...alarm, borneOutBy: isKilled ? 'oom-kill' : leakSeenAgain ? 'leak' : null };
}

function isDuring(at: number, { openedAt, closedAt }: ReplayedAlarm): boolean {
  return at >= openedAt && at <= (closedAt ?? Number.POSITIVE_INFINITY);
}

function toKills(
  oomKillsAt: readonly number[] | null,
  alarms: readonly ReplayedAlarm[],
  { fromSeconds, untilSeconds }: ReplayGiven,
): Replay['oomKills'] {
  if (oomKillsAt === null) return null;
  return oomKillsAt
    .filter((at) => at >= fromSeconds && at <= untilSeconds)
    .toSorted((a, b) => a - b)
    .map((at) => {
      const alarm = alarms.find((each) => isDuring(at, each));
      return { at, leadSeconds: alarm === undefined ? null : at - alarm.openedAt };
    });
}

function toBaseline(service: string, record: BaselineRecord, at: number): Baseline {
  const recordedAt = new Date(at * 1000).toISOString();
  return { ...record, schema: 1, service, recordedAt, source: 'auto', setBy: null, census: null };
}
