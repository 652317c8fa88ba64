/** Did the rollback help? From what was recorded since, against what was there before and what is healthy. Pure. */
import type { Baseline } from '../analysis/baseline.ts';
import type { InstanceMemory, ServiceMemory } from '../analysis/memory.ts';
import type { Policy } from '../analysis/policy.ts';
import type { Rollback } from '../incident/rollback.ts';
import { formatBytes, formatRate } from '../units.ts';
import { judgeMemory } from '../watch/judge-memory.ts';

type Proof = NonNullable<Rollback['proof']>;
export type Judgement = Pick<Proof, 'instancesChanged' | 'instances' | 'after' | 'message'> & {
  hasRecovered: boolean;
  /** It won't get better by waiting: somebody must know now. */
  isFinal: boolean;
};

/** A suspicion right after a start is no leak while the growth is clearly less than it was: half of it. */
const CLEARLY_LESS = 0.5;

export type Given = {
  memory: ServiceMemory;
  baseline: Baseline | null;
  policy: Policy;
  rollback: Pick<Rollback, 'to' | 'before'>;
  /** Epoch seconds: the end of the act, and this moment. */
  actedAt: number;
  nowSeconds: number;
};

/** The first that does not hold decides: all instances run the release, none was killed, none grows, the level is healthy. */
export function judgeProof(given: Given): Judgement {
  const { memory, rollback, actedAt } = given;
  const live = memory.instances.filter(({ endedAt, samples }) => endedAt === null && samples.length > 0);
  const changed = live.filter(({ release }) => release === rollback.to);
  const { growth, state } = judgeMemory({ ...given, memory: { ...memory, instances: live, deploys: [] } });
  const rssBytes = live.length === 0 ? null : Math.max(...live.map(lastBytes));
  const after: Proof['after'] = {
    rssBytes,
    growth: growth === null ? null : { bytesPerHour: growth.bytesPerHour, low: growth.low, high: growth.high },
  };
  const kills = (memory.oomKillsAt ?? []).filter((at) => at > actedAt).length;
  const problem =
    releaseProblem(rollback.to, live, changed.length) ??
    (kills > 0 ? `${kills} OOM kill${kills === 1 ? '' : 's'} since` : null) ??
    growthProblem(state, after, rollback.before) ??
    levelProblem(rssBytes, given);
  const figures = figuresOf(after, given, `${changed.length} of ${live.length} instances run ${rollback.to}`);
  return {
    hasRecovered: problem === null,
    isFinal: kills > 0,
    instancesChanged: changed.length,
    instances: live.length,
    after,
    message: problem === null ? figures : `${problem}; ${figures}`,
  };
}

function lastBytes({ samples }: InstanceMemory): number {
  return samples.at(-1)?.[1] ?? 0;
}

function releaseProblem(to: string, live: readonly InstanceMemory[], changed: number): string | null {
  // Nobody may have looked, as after a collector that died with the act: what was not seen is not said to be gone.
  if (live.length === 0) return 'no instance was seen: none runs, or no collector looks';
  if (changed === live.length) return null;
  const others = new Set(live.flatMap(({ release }) => (release === to ? [] : [release ?? 'an unknown release'])));
  return `not every instance was changed: ${live.length - changed} still run ${[...others].join(' and ')}`;
}

function growthProblem(
  state: ReturnType<typeof judgeMemory>['state'],
  { growth: after }: Proof['after'],
  { growth: before }: Rollback['before'],
): string | null {
  if (state === 'leak') return 'memory still grows like a leak';
  if (state !== 'suspect' || after === null) return null;
  const isLess = before !== null && after.high < before.bytesPerHour * CLEARLY_LESS;
  return isLess ? null : 'memory may still grow';
}

/** Against the healthy baseline of the release, else against what was there before. */
function levelProblem(rssBytes: number | null, { baseline, policy, rollback: { to, before } }: Given): string | null {
  if (rssBytes === null) return 'no memory was measured';
  if (baseline !== null && baseline.release === to) {
    const allowed = baseline.bytes * (1 + policy.warning.overRatio);
    return rssBytes <= allowed ? null : `memory is above the healthy level of ${to}`;
  }
  if (before.rssBytes === null) return 'nothing is known to compare the memory with';
  return rssBytes < before.rssBytes ? null : 'memory is not lower than before';
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
