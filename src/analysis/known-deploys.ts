import type { ServiceMemory } from './memory.ts';

type Deploys = ServiceMemory['deploys'];

/** A pipeline tells of a deploy when it starts or ends; the first process of it starts within this time. */
const SAME_DEPLOY_SECONDS = 3600;

/**
 * Deploys as processes showed them, with those that a pipeline told of and no process showed: instances without a
 * release, or one that came back. What was seen wins: its time is that of the first process. By time.
 */
export function joinDeploys(seen: Deploys, told: Deploys): Deploys {
  const unseen = told.filter(
    ({ release, at }) => !seen.some((one) => one.release === release && Math.abs(one.at - at) <= SAME_DEPLOY_SECONDS),
  );
  return [...seen, ...unseen].toSorted((a, b) => a.at - b.at);
}
