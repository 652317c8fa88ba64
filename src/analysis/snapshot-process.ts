import type { Look } from './look.ts';
import type { SnapshotProcess } from './snapshot.ts';

/** What kernel and interpreter tell of the process at the second look, and rates of what they count. */
export function toProcess(first: Look | null, { outside, inside }: Look, windowSeconds: number): SnapshotProcess {
  const tasks = inside?.runtime?.tasks ?? null;
  const before = first?.inside?.runtime?.tasks?.pending;
  return {
    python: inside?.identity.python ?? null,
    threads: outside.threads,
    openFiles: outside.openFiles,
    minorFaultsPerSecond: rate(first?.outside.minorFaults, outside.minorFaults, windowSeconds),
    majorFaultsPerSecond: rate(first?.outside.majorFaults, outside.majorFaults, windowSeconds),
    memoryPressureRatio: outside.memoryPressureRatio,
    threadStates: outside.threadStates,
    headroomBytes: outside.room?.headroomBytes ?? null,
    killsGroup: outside.room?.killsGroup ?? false,
    tasks: tasks === null ? null : { ...tasks, pendingDiff: before === undefined ? null : tasks.pending - before },
  };
}

function rate(before: number | undefined, after: number, seconds: number): number | null {
  return before === undefined || seconds <= 0 ? null : Math.max(0, after - before) / seconds;
}
