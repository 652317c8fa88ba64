import type { InstanceMemory, ServiceMemory } from './memory.ts';

/** Live samples are younger than this; what is older says nothing about now. Seconds. */
export const RECENT_SECONDS = 900;
/** Where samples lie further apart than usual, so many of these steps. */
const RECENT_STEPS = 3;

/**
 * The memory of what is known to run, or to have ended, at `nowSeconds` (epoch), and apart from it the instances that
 * nobody saw for long and nobody saw end: their host or its collector may be gone, and what they held then is not what
 * they hold now.
 */
export function splitSeen(
  memory: ServiceMemory,
  nowSeconds: number,
): { memory: ServiceMemory; unseen: readonly InstanceMemory[] } {
  const unseen = memory.instances.filter((instance) => isUnseen(instance, nowSeconds));
  if (unseen.length === 0) return { memory, unseen };
  return {
    memory: { ...memory, instances: memory.instances.filter((instance) => !unseen.includes(instance)) },
    unseen,
  };
}

function isUnseen({ endedAt, samples }: InstanceMemory, nowSeconds: number): boolean {
  const last = samples.at(-1);
  if (endedAt !== null || last === undefined) return false;
  const step = last[0] - (samples.at(-2) ?? last)[0];
  return nowSeconds - last[0] > Math.max(RECENT_SECONDS, RECENT_STEPS * step);
}

/** The lowest limit of the instances that run: what ended may have had another one. Of all, where nothing runs. Bytes. */
export function tightestLimit(instances: readonly InstanceMemory[], nowSeconds: number): number | null {
  const running = instances.filter(
    (one) => one.endedAt === null && one.samples.length > 0 && !isUnseen(one, nowSeconds),
  );
  const limits = (running.length > 0 ? running : instances).flatMap(({ limitBytes }) => limitBytes ?? []);
  return limits.length === 0 ? null : Math.min(...limits);
}
