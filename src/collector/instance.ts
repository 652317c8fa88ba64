import { type MemoryCgroup, readMemoryCgroup, readMemoryLimit } from '../adapters/procfs/cgroup.ts';
import { type ProcessReading, readProcess } from '../adapters/procfs/process.ts';
import type { EndReason } from '../analysis/memory.ts';

/** One process of a service, alive or just ended. Sizes in bytes, times in epoch seconds; null: not known, or not yet. */
export type Instance = {
  service: string;
  /** `<pid>.<startTicks>`. */
  instance: string;
  pid: number;
  ppid: number;
  startTicks: number;
  /** Null when no socket was seen: it is sampled, but can't be looked into. */
  socketPath: string | null;
  release: string | null;
  python: string | null;
  startedAt: number;
  endedAt: number | null;
  endReason: EndReason | null;
  cgroup: MemoryCgroup | null;
  /** The tightest of its cgroups; null without one. */
  limitBytes: number | null;
  /** Last reading. */
  rssBytes: number;
  anonymousBytes: number;
};

export function toInstance(service: string, reading: ProcessReading, socketPath: string | null): Instance {
  const cgroup = readMemoryCgroup(reading.pid);
  const { pid, ppid, startTicks, startedAt, rssBytes, anonymousBytes } = reading;
  return {
    service,
    instance: `${pid}.${startTicks}`,
    pid,
    ppid,
    startTicks,
    socketPath,
    release: null,
    python: null,
    startedAt,
    endedAt: null,
    endReason: null,
    cgroup,
    limitBytes: cgroup === null ? null : readMemoryLimit(cgroup),
    rssBytes,
    anonymousBytes,
  };
}

/** Reads it again; false when the process is gone (or its pid is another process's by now). */
export function refreshInstance(instance: Instance): boolean {
  const reading = readProcess(instance.pid);
  if (reading === null || reading.startTicks !== instance.startTicks) return false;
  instance.rssBytes = reading.rssBytes;
  instance.anonymousBytes = reading.anonymousBytes;
  return true;
}
