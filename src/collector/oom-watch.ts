import { type MemoryCgroup, readOomKills } from '../adapters/procfs/cgroup.ts';

/** A kill that no vanished instance explains for so long was one of somebody else (a child, a neighbour in the cgroup). */
const UNCLAIMED_SECONDS = 60;

type Watched = { cgroup: MemoryCgroup; kills: number; unclaimedAt: number[] };

export interface OomWatch {
  /** Reads the counters of these cgroups; those that are not named any more are forgotten. */
  refresh(cgroups: readonly MemoryCgroup[], nowSeconds: number): void;
  /** True when the OOM killer took a process of this cgroup lately, and takes that kill off the list. */
  claim(cgroup: MemoryCgroup): boolean;
}

/**
 * Joins the kernel's `oom_kill` counters with the processes that vanish. The counter rises when the victim is chosen,
 * some time before it is gone, so a kill stays open for a minute.
 */
export function createOomWatch(readKills: (cgroup: MemoryCgroup) => number | null = readOomKills): OomWatch {
  const watched = new Map<string, Watched>();

  function refreshOne(cgroup: MemoryCgroup, nowSeconds: number): void {
    const kills = readKills(cgroup);
    const known = watched.get(cgroup.path);
    if (kills === null) return;
    if (known === undefined) {
      watched.set(cgroup.path, { cgroup, kills, unclaimedAt: [] });
      return;
    }
    const fresh = Array.from({ length: Math.min(1000, Math.max(0, kills - known.kills)) }, () => nowSeconds);
    known.unclaimedAt = [...known.unclaimedAt.filter((at) => at > nowSeconds - UNCLAIMED_SECONDS), ...fresh];
    known.kills = kills;
  }

  return {
    refresh(cgroups, nowSeconds) {
      const named = new Map(cgroups.map((cgroup) => [cgroup.path, cgroup]));
      for (const path of watched.keys()) if (!named.has(path)) watched.delete(path);
      for (const cgroup of named.values()) refreshOne(cgroup, nowSeconds);
    },
    claim: (cgroup) => watched.get(cgroup.path)?.unclaimedAt.pop() !== undefined,
  };
}
