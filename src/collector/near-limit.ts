import type { Instance } from './instance.ts';

/** Where there is still room for a look, and once more when hardly any is left: it may be the last thing that is seen. */
const THRESHOLDS = [0.85, 0.95] as const;
const MAX_TOLD = 5000;
/** Fallen below this, it is looked at again when it comes back. */
const REARM_RATIO = 0.75;

/** One limit, and what its processes hold together. `largest`: the one to look into. */
export type Usage = { key: string; service: string; largest: Instance; usedBytes: number; limitBytes: number };

/**
 * How near each limit is. A cgroup's limit holds for all of its processes that are sampled, a configured one
 * (`configured`, bytes of one instance; null: none) for each process. What has no limit is left out.
 */
export function toUsages(live: readonly Instance[], configured: (service: string) => number | null): Usage[] {
  const usages = new Map<string, Usage>();
  for (const instance of live) {
    const { service, cgroup, rssBytes } = instance;
    const limitBytes = instance.limitBytes ?? configured(service);
    if (limitBytes === null || limitBytes <= 0) continue;
    const isShared = instance.limitBytes !== null && cgroup !== null;
    const key = `${service}/${isShared ? cgroup.path : instance.instance}`;
    const known = usages.get(key);
    const largest = known === undefined || rssBytes > known.largest.rssBytes ? instance : known.largest;
    usages.set(key, { key, service, largest, usedBytes: (known?.usedBytes ?? 0) + rssBytes, limitBytes });
  }
  return [...usages.values()];
}

export interface NearLimit {
  /** The fullest that passed a threshold, or null; each threshold once until it fell below 75 %. */
  next(usages: readonly Usage[]): Usage | null;
  /** It was not seen after all: its threshold counts as not passed. */
  forget(key: string): void;
}

export function createNearLimit(): NearLimit {
  /** Key of a limit -> thresholds that were told. */
  const told = new Map<string, number>();
  return {
    forget: (key) => void told.delete(key),
    next(usages) {
      const rearmed = usages.filter((usage) => ratioOf(usage) < REARM_RATIO);
      for (const { key } of rearmed) told.delete(key);
      const due = usages.filter((usage) => reachedBy(usage) > (told.get(usage.key) ?? 0));
      const [fullest = null] = due.toSorted((a, b) => ratioOf(b) - ratioOf(a));
      if (fullest !== null) told.set(fullest.key, reachedBy(fullest));
      // Of processes that ended: far more than live at a time.
      while (told.size > MAX_TOLD) told.delete(told.keys().next().value ?? '');
      return fullest;
    },
  };
}

function reachedBy(usage: Usage): number {
  return THRESHOLDS.filter((threshold) => ratioOf(usage) >= threshold).length;
}

export function ratioOf({ usedBytes, limitBytes }: Pick<Usage, 'usedBytes' | 'limitBytes'>): number {
  return usedBytes / limitBytes;
}
