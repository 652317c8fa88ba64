import type { Replay, ReplayedAlarm } from './replay.ts';

/** Figures of one replay, for a comparison. Null: OOM kills are not counted, or there was none to foretell. */
export type ReplaySummary = {
  alarms: number;
  criticalAlarms: number;
  /** Alarms that neither an OOM kill nor a leak bore out before they were closed. */
  aloneAlarms: number;
  /** From an alarm to the last look that still saw trouble, all alarms together. */
  alarmedSeconds: number;
  oomKills: number | null;
  foretoldOomKills: number | null;
  shortestLeadSeconds: number | null;
};

export function summarize({ alarms, oomKills }: Replay): ReplaySummary {
  const leads = (oomKills ?? []).flatMap(({ leadSeconds }) => leadSeconds ?? []);
  return {
    alarms: alarms.length,
    criticalAlarms: alarms.filter(({ level }) => level === 'critical').length,
    aloneAlarms: alarms.filter(({ borneOutBy }) => borneOutBy === null).length,
    alarmedSeconds: alarms.reduce((sum, alarm) => sum + lastedSeconds(alarm), 0),
    oomKills: oomKills?.length ?? null,
    foretoldOomKills: oomKills === null ? null : leads.length,
    shortestLeadSeconds: leads.length === 0 ? null : Math.min(...leads),
  };
}

/** From the alarm to the last look that still saw trouble. */
export function lastedSeconds({ openedAt, lastSeenAt }: ReplayedAlarm): number {
  return lastSeenAt - openedAt;
}
