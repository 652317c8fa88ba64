import { type MemoryCgroup, readOomKills } from '../adapters/procfs/cgroup.ts';

/** A kill that no vanished instance explains for so long was one of somebody else (a child, a neighbour in the cgroup). */
const UNCLAIMED_SECONDS = 60;

const MAX_STRAYS = 100;

type Watched = { cgroup: MemoryCgroup; kills: number; unclaimedAt: number[] };

export interface OomWatch {
  /** Reads the counters of these cgroups; those that are not named any more are forgotten. */
  refresh(cgroups: readonly MemoryCgroup[], nowSeconds: number): void;
  /** True when the OOM killer took a process of this cgroup lately, and takes that kill off the list. */
  claim(cgroup: MemoryCgroup): boolean;
  /** Kills that no vanished instance explained in time, each told once: a child or a neighbour was taken. */
  takeStrays(): { cgroup: MemoryCgroup; at: number }[];
}

/**
 * Joins the kernel's `oom_kill` counters with the processes that vanish. The counter rises when the victim is chosen,
 * some time before it is gone, so a kill stays open for a minute.
 */
export function createOomWatch(readKills: (cgroup: MemoryCgroup) => number | null = readOomKills): OomWatch {
  const watched = new Map<string, Watched>();
  let strays: { cgroup: MemoryCgroup; at: number }[] = [];

  function refreshOne(cgroup: MemoryCgroup, nowSeconds: number): void {
    const kills = readKills(cgroup);
    const known = watched.get(cgroup.path);
    if (kills === null) return;
    if (known === undefined) {
      watched.set(cgroup.path, { cgroup, kills, unclaimedAt: [] });
      return;
    }
    const fresh = Array.from({ length: Math.min(1000, Math.max(0, kills - known.kills)) }, () => nowSeconds);
    const isOpen = (at: number): boolean => at > nowSeconds - UNCLAIMED_SECONDS;
    const left = known.unclaimedAt.filter((at) => !isOpen(at)).map((at) => ({ cgroup, at }));
    strays = [...strays, ...left].slice(-MAX_STRAYS);
    known.unclaimedAt = [...known.unclaimedAt.filter(isOpen), ...fresh];
    known.kills = kills;
  }

  return {
    refresh(cgroups, nowSeconds) {
      const named = new Map(cgroups.map((cgroup) => [cgroup.path, cgroup]));
      for (const path of watched.keys()) if (!named.has(path)) watched.delete(path);
      for (const cgroup of named.values()) refreshOne(cgroup, nowSeconds);
    },
    takeStrays: () => strays.splice(0),
    claim: (cgroup) => watched.get(cgroup.path)?.unclaimedAt.pop() !== undefined,
  };
}
