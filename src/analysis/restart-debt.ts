/** Growth that restarts hide: a service that is restarted every night looks healthy every morning. Pure. */
import type { InstanceMemory, ServiceMemory } from './memory.ts';

export type RestartDebt = {
  /** Restarts that were no deploy, in the last 24 h; ends shortly one after the other are one rolling restart. */
  restartsInDay: number;
  /** What all instances together gave back by such ends, spread over the time that was looked at; null: none was seen. */
  hiddenBytesPerHour: number | null;
  windowSeconds: number;
};

export const DAY_SECONDS = 86_400;
/** Instances of a rolling restart follow each other within this: a slow start and its readiness (as for a deploy). */
const ROLLING_SECONDS = 600;
/** Over less than this, one restart would be called a habit. */
const MIN_WINDOW_SECONDS = 3600;

/** `nowSeconds`: epoch; `warmUpSeconds`: what an instance grows before is its start, not a debt. */
export function restartDebt({ instances }: ServiceMemory, nowSeconds: number, warmUpSeconds: number): RestartDebt {
  const ended = instances.filter(({ endedAt, endReason }) => endedAt !== null && isRestart(endReason));
  const first = Math.min(...instances.map(({ samples }) => samples[0]?.[0] ?? nowSeconds));
  const windowSeconds = Math.max(0, nowSeconds - first);
  const given = ended.map((life) => growthOf(life, warmUpSeconds)).reduce((sum, bytes) => sum + bytes, 0);
  const isSeen = given > 0 && windowSeconds >= MIN_WINDOW_SECONDS;
  return {
    restartsInDay: countRestarts(
      ended.flatMap(({ endedAt }) => endedAt ?? []).filter((at) => at > nowSeconds - DAY_SECONDS),
    ),
    hiddenBytesPerHour: isSeen ? given / (windowSeconds / 3600) : null,
    windowSeconds,
  };
}

function countRestarts(endsAt: readonly number[]): number {
  const sorted = endsAt.toSorted((a, b) => a - b);
  return sorted.filter((at, i) => at - (sorted[i - 1] ?? Number.NEGATIVE_INFINITY) > ROLLING_SECONDS).length;
}

function isRestart(reason: InstanceMemory['endReason']): boolean {
  return reason === 'recycle' || reason === 'restart' || reason === 'oom';
}

function growthOf({ samples, startedAt }: InstanceMemory, warmUpSeconds: number): number {
  const warm = samples.filter(([at]) => startedAt === null || at >= startedAt + warmUpSeconds);
  const [begin, end] = [warm[0]?.[1], warm.at(-1)?.[1]];
  return begin === undefined || end === undefined ? 0 : Math.max(0, end - begin);
}
