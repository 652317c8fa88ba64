import type { SnapshotProcess } from '../analysis/snapshot.ts';
import { formatBytes } from '../units.ts';
import { percent } from './slack-figures.ts';

/** Most coroutines that are named. */
const COROUTINES = 3;

/** What the kernel and the interpreter tell of a process, in short plain pieces; what was not measured is left out. */
export function processFigures(process: SnapshotProcess): string[] {
  const { majorFaultsPerSecond, memoryPressureRatio, headroomBytes = null, killsGroup = false } = process;
  const group = killsGroup ? ', and a kill takes the whole container' : '';
  return [
    `Python ${process.python ?? 'version not known'}`,
    `threads ${process.threads ?? 'not measured'}${states(process.threadStates ?? null)}`,
    `open files ${process.openFiles ?? 'not measured'}`,
    ...(majorFaultsPerSecond === null ? [] : [`major faults ${majorFaultsPerSecond.toFixed(1)}/s`]),
    ...(memoryPressureRatio === null ? [] : [`memory pressure ${percent(memoryPressureRatio)} of the last 10 s`]),
    ...(headroomBytes === null ? [] : [`${formatBytes(headroomBytes)} left below the limit${group}`]),
    ...tasks(process.tasks ?? null),
  ];
}

/** Only what is out of the ordinary: threads that run or sleep are not told apart. */
function states(counts: Record<string, number> | null): string {
  const stuck = [
    ['D', 'stuck in the kernel'],
    ['T', 'stopped'],
  ].flatMap(([letter = '', words]) => ((counts?.[letter] ?? 0) > 0 ? [`${counts?.[letter]} ${words}`] : []));
  return stuck.length === 0 ? '' : ` (${stuck.join(', ')})`;
}

function tasks(asyncio: SnapshotProcess['tasks'] | null): string[] {
  if (asyncio === null || asyncio === undefined) return [];
  const { pending, pendingDiff, byCoroutine } = asyncio;
  const change = pendingDiff === null || pendingDiff === 0 ? '' : `, ${pendingDiff > 0 ? '+' : ''}${pendingDiff}`;
  const named = byCoroutine.slice(0, COROUTINES).map(({ name, count }) => `${count} ${name}`);
  return [`asyncio tasks ${pending}${change}${named.length === 0 ? '' : `: ${named.join(', ')}`}`];
}
