import type { EndReason } from '../analysis/memory.ts';

type Ended = { pid: number; ppid: number; release: string | null; startedAt: number; endedAt: number };
type Other = { pid: number; release: string | null; startedAt: number };

/** How far apart the end of the old process and the start of the new one may lie in one deploy. */
export const DEPLOY_WINDOW_SECONDS = 600;

/**
 * Why an instance ended, from what was seen around it, surest first: the kernel's OOM counter; a newer release in its
 * place; its master (an instance of the same service) still there; else a restart that nobody explains.
 */
export function classifyEnd(ended: Ended, others: readonly Other[], wasOomKilled: boolean): EndReason {
  if (wasOomKilled) return 'oom';
  if (others.some((other) => replaced(ended, other))) return 'deploy';
  return others.some(({ pid }) => pid === ended.ppid) ? 'recycle' : 'restart';
}

function replaced(ended: Ended, other: Other): boolean {
  return (
    ended.release !== null &&
    other.release !== null &&
    other.release !== ended.release &&
    other.startedAt > ended.startedAt &&
    Math.abs(other.startedAt - ended.endedAt) <= DEPLOY_WINDOW_SECONDS
  );
}
