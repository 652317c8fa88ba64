import type { AlertTally } from './alert-tally.ts';

export type KillCount = { count: number; windowSeconds: number };

/**
 * OOM kills by the witness that saw the most of them: what was measured (null: nothing was), or the alerts of the
 * incident. Neither sees all: counters miss kills while nobody samples, alerts miss those of a service without rules.
 * `windowSeconds`: how far back, where nothing was measured.
 */
export function mostKills(
  measured: KillCount | null,
  alerts: AlertTally | undefined,
  { nowMs, windowSeconds }: { nowMs: number; windowSeconds: number },
): KillCount | null {
  if (alerts === undefined) return measured;
  const since = nowMs - (measured?.windowSeconds ?? windowSeconds) * 1000;
  const told = alerts.timeline.filter(
    ({ kind, event, at }) => kind === 'oom' && (event === 'occurred' || event === 'reopened') && Date.parse(at) > since,
  ).length;
  if (measured === null) return told === 0 ? null : { count: told, windowSeconds };
  return { ...measured, count: Math.max(measured.count, told) };
}
