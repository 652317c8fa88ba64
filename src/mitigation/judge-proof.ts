/** Did the rollback help? From what was recorded since, against what was there before and what is healthy. Pure. */
import type { Baseline } from '../analysis/baseline.ts';
import type { InstanceMemory, ServiceMemory } from '../analysis/memory.ts';
import type { Policy } from '../analysis/policy.ts';
import type { Rollback } from '../incident/rollback.ts';
import type { ProofVerdict } from '../incident/rollback-course.ts';
import { formatBytes, formatDuration, formatRate } from '../units.ts';
import { judgeMemory } from '../watch/judge-memory.ts';
import { FRESH_SECONDS } from './guards.ts';

type Proof = NonNullable<Rollback['proof']>;
export type Judgement = Pick<Proof, 'instancesChanged' | 'instances' | 'after' | 'message'> & {
  verdict: ProofVerdict;
  /** It won't get better by waiting: somebody must know now. */
  isFinal: boolean;
};

/** What speaks against a recovery, or why nobody can tell. Plain text. */
type Doubt = { verdict: Exclude<ProofVerdict, 'recovered'>; why: string };

/** A suspicion right after a start is no leak while the growth is clearly less than it was: half of it. */
const CLEARLY_LESS = 0.5;
/** So much of the time of the proof must have been looked at: a leak hides in the first minutes of a process. */
const LOOKED_AT = 0.5;

export type Given = {
  /** From some time before the act on, so that what ended with it is in it. */
  memory: ServiceMemory;
  baseline: Baseline | null;
  policy: Policy;
  rollback: Pick<Rollback, 'to' | 'before'>;
  verifyForSeconds: number;
  /** Epoch seconds: the end of the act, and this moment. */
  actedAt: number;
  nowSeconds: number;
};

/**
 * Recovered when none was killed since, all instances run the release, none grows, the level is healthy, and all that
 * was seen for long enough. What speaks against it goes before what can't be told, and each in this order; but old
 * figures say nothing.
 */
export function judgeProof(given: Given): Judgement {
  const { memory, rollback, actedAt } = given;
  const live = memory.instances.flatMap((instance) => sinceAct(instance, actedAt));
  const changed = live.filter(({ release }) => release === rollback.to);
  const { growth, state } = judgeMemory({ ...given, memory: { ...memory, instances: live, deploys: [] } });
  const rssBytes = live.length === 0 ? null : Math.max(...live.map(lastBytes));
  const after: Proof['after'] = {
    rssBytes,
    growth: growth === null ? null : { bytesPerHour: growth.bytesPerHour, low: growth.low, high: growth.high },
  };
  const kills = (memory.oomKillsAt ?? []).filter((at) => at > actedAt).length;
  const doubt =
    (kills > 0 ? against(`${kills} OOM kill${kills === 1 ? '' : 's'} since`) : null) ??
    unseen(live, given) ??
    gravest([
      releaseDoubt(rollback.to, live, changed.length),
      growthDoubt(state, after, rollback.before),
      levelDoubt(rssBytes, given),
      partlySeen(live, given),
      lostSight(given),
      tooShort(live, given),
    ]);
  const figures = figuresOf(after, given, `${changed.length} of ${live.length} instances run ${rollback.to}`);
  return {
    verdict: doubt?.verdict ?? 'recovered',
    isFinal: kills > 0,
    instancesChanged: changed.length,
    instances: live.length,
    after,
    message: doubt === null ? figures : `${doubt.why}; ${figures}`,
  };
}

const against = (why: string): Doubt => ({ verdict: 'not-recovered', why });
const cannotTell = (why: string): Doubt => ({ verdict: 'unproven', why });

function gravest(doubts: readonly (Doubt | null)[]): Doubt | null {
  const held = doubts.filter((doubt) => doubt !== null);
  return held.find(({ verdict }) => verdict === 'not-recovered') ?? held[0] ?? null;
}

/** One that lives, with what was measured of it since the act; none, when nothing was. */
function sinceAct(instance: InstanceMemory, actedAt: number): InstanceMemory[] {
  const samples = instance.samples.filter(([at]) => at >= actedAt);
  return instance.endedAt === null && samples.length > 0 ? [{ ...instance, samples }] : [];
}

function lastBytes({ samples }: InstanceMemory): number {
  return samples.at(-1)?.[1] ?? 0;
}

/** What was not seen is not said to be gone, unless somebody looked for it all the while. */
function unseen(live: readonly InstanceMemory[], given: Given): Doubt | null {
  const { memory, nowSeconds } = given;
  const looked = lookedSeconds(memory.looked, given);
  if (live.length === 0) {
    if (looked !== null && looked >= enough(given)) return against('no instance runs');
    return cannotTell('no instance was seen, and no collector looked for long enough to say that none runs');
  }
  const ageSeconds = Math.min(...live.map((instance) => ageOf(instance, nowSeconds)));
  return ageSeconds <= FRESH_SECONDS ? null : cannotTell(`nothing was measured for ${formatDuration(ageSeconds)}`);
}

function ageOf({ samples }: InstanceMemory, nowSeconds: number): number {
  return nowSeconds - (samples.at(-1)?.[0] ?? 0);
}

/** As on a host whose collector died. */
function partlySeen(live: readonly InstanceMemory[], { nowSeconds }: Given): Doubt | null {
  const ages = live.map((instance) => ageOf(instance, nowSeconds)).filter((age) => age > FRESH_SECONDS);
  if (ages.length === 0) return null;
  const since = formatDuration(Math.max(...ages));
  return cannotTell(`${ages.length} of ${live.length} instances were not measured for ${since}`);
}

/** As on a host whose collector died before the act: what ran there may run on. */
function lostSight({ memory: { instances }, actedAt }: Given): Doubt | null {
  const isLost = ({ endedAt, samples }: InstanceMemory): boolean =>
    endedAt === null && samples.length > 0 && samples.every(([at]) => at < actedAt);
  const lost = instances.filter(isLost).length;
  if (lost === 0) return null;
  if (lost === 1) return cannotTell('1 instance that ran before it was not measured since, and nobody saw its end');
  return cannotTell(`${lost} instances that ran before it were not measured since, and nobody saw their ends`);
}

/** Of the time since the act; null: nobody knows. */
function lookedSeconds(looked: ServiceMemory['looked'], { actedAt, nowSeconds }: Given): number | null {
  if (looked == null) return null;
  return Math.max(0, Math.min(looked.to, nowSeconds) - Math.max(looked.from, actedAt));
}

function enough({ verifyForSeconds }: Given): number {
  return verifyForSeconds * LOOKED_AT;
}

function tooShort(live: readonly InstanceMemory[], given: Given): Doubt | null {
  const first = Math.min(...live.map(({ samples }) => samples[0]?.[0] ?? 0));
  const last = Math.max(...live.map(({ samples }) => samples.at(-1)?.[0] ?? 0));
  if (last - first >= enough(given)) return null;
  const whole = formatDuration(given.verifyForSeconds);
  return cannotTell(
    `memory was measured for only ${formatDuration(last - first)} of the ${whole} that it is watched for`,
  );
}

function releaseDoubt(to: string, live: readonly InstanceMemory[], changed: number): Doubt | null {
  if (changed === live.length) return null;
  const others = new Set(live.flatMap(({ release }) => (release === to ? [] : (release ?? []))));
  const unknown = live.filter(({ release }) => release === null).length;
  if (others.size === 0) return cannotTell(`which release runs is not known of ${unknown} of ${live.length} instances`);
  const rest = unknown === 0 ? '' : `, of ${unknown} it is not known`;
  return against(
    `not every instance was changed: ${live.length - changed - unknown} still run ${[...others].join(' and ')}${rest}`,
  );
}

function growthDoubt(
  state: ReturnType<typeof judgeMemory>['state'],
  { growth: after }: Proof['after'],
  { growth: before }: Rollback['before'],
): Doubt | null {
  if (state === 'leak') return against('memory still grows like a leak');
  if (state !== 'suspect' || after === null) return null;
  const isLess = before !== null && after.high < before.bytesPerHour * CLEARLY_LESS;
  return isLess ? null : against('memory may still grow');
}

/** Against the healthy baseline of the release, else against what was there before. */
function levelDoubt(rssBytes: number | null, { baseline, policy, rollback: { to, before } }: Given): Doubt | null {
  if (rssBytes === null) return cannotTell('no memory was measured');
  if (baseline !== null && baseline.release === to) {
    const allowed = baseline.bytes * (1 + policy.warning.overRatio);
    return rssBytes <= allowed ? null : against(`memory is above the healthy level of ${to}`);
  }
  if (before.rssBytes === null) return cannotTell('nothing is known to compare the memory with');
  return rssBytes < before.rssBytes ? null : against('memory is not lower than before');
}

function figuresOf(after: Proof['after'], { baseline, rollback: { before } }: Given, changed: string): string {
  const rss = after.rssBytes === null ? 'RSS not measured' : `RSS ${formatBytes(after.rssBytes)}`;
  const was = before.rssBytes === null ? '' : ` (before ${formatBytes(before.rssBytes)})`;
  const healthy = baseline === null ? '' : `, healthy ${formatBytes(baseline.bytes)}`;
  return [changed, `${rss}${was}${healthy}`, growthOf(after.growth, before.growth)].join('; ');
}

function growthOf(after: Proof['after']['growth'], before: Rollback['before']['growth']): string {
  const was = before === null ? '' : `, before ${formatRate(before.bytesPerHour)}`;
  if (after === null) return `growth not measurable yet${was}`;
  const interval = `95 %: ${formatRate(after.low)} to ${formatRate(after.high)}`;
  return `growth ${formatRate(after.bytesPerHour)} (${interval}${was})`;
}
