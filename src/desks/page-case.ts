/** What the pager is told of an incident: how bad it is, who is on call, and what the week says to the time that is left. */
import type { Team } from '../config/config.ts';
import type { Incident } from '../incident/incident.ts';
import type { Pager, Trouble } from '../incident/pager.ts';
import type { Rollback } from '../incident/rollback.ts';
import type { Situation } from '../oncall/escalation.ts';
import { waitAfter } from '../oncall/levels.ts';
import { latestDecisionMs, lookAgainMs, type OomClock, oomClockPhrase, readOomClock } from '../oncall/oom-clock.ts';
import { decidePage } from '../oncall/paging.ts';
import { type OnCallNow, onCallAt, type Rota } from '../oncall/rota.ts';
import type { WorkHours } from '../oncall/work-hours.ts';
import type { Report } from '../report/report.ts';
import { formatTimeLeft } from '../units.ts';
import { workPhrase } from './on-call-desk.ts';

export type Known = {
  incident: Incident;
  /** Of the round that is over; null: none yet, or one is under way. */
  report: Report | null;
  team: Team;
  /** What was known before; null: nothing. */
  seen: Pager['seen'] | null;
  /** Its newest; null: none. */
  rollback: Rollback | null;
  rota: Rota | null;
  hours: WorkHours;
  nowMs: number;
};

/** `recheckMs`: when memory must be looked at again, should nothing happen before; null: it need not be. */
export type Judged = { situation: Situation; recheckMs: number | null };

export function judgeCase(known: Known): Judged {
  const { incident, report, team, seen, rollback, rota, hours, nowMs } = known;
  const trouble = troubleOf(incident, report, seen);
  const clock = clockOf(report, seen, hours, nowMs);
  const decision = decidePage({
    trouble,
    isStaffed: hours.at(nowMs).kind === 'open',
    clock: clock?.decide ?? 'unknown',
    isTimeUp: clock !== null && latestDecisionMs(clock) <= nowMs,
    isAskedFor: isAskedFor(incident),
  });
  const now = rota === null ? NOBODY : onCallAt(rota, nowMs);
  return {
    situation: {
      trouble,
      kills: incident.alerts?.kills?.count ?? 0,
      limitFrom: clock === null ? null : new Date(clock.fromMs).toISOString(),
      decision,
      why: whyOf(incident, report, trouble),
      onCall: toNote(now, hours, clock, nowMs),
      setback: setbackOf(rollback),
      firstWaitSeconds: waitAfter(team, 1),
    },
    recheckMs: trouble === 'warning' && clock !== null ? lookAgainMs(clock, nowMs, hours) : null,
  };
}

/** Of a large user group, for the root: all of it is paged. */
const OTHERS_KEPT = 20;

export const NOBODY: OnCallNow = { people: [], now: null, next: null, backup: null };

/**
 * While a triage runs, its last report is of the past: alerts alone count then. A look that could not tell changes
 * nothing: what was trouble before it still is.
 */
function troubleOf({ state, alerts }: Incident, report: Report | null, seen: Pager['seen'] | null): Trouble {
  if (state === 'closed') return 'none';
  if (alerts?.kills != null && alerts.quietSince === null) return 'oom';
  switch (report?.verdict) {
    case 'critical':
    case 'warning':
      return report.verdict;
    case 'inconclusive':
      return seen === null || seen.trouble === 'none' || seen.trouble === 'warning'
        ? (seen?.trouble ?? 'none')
        : 'critical';
    case 'healthy':
    case undefined:
      return 'none';
  }
}

/** Ends of a rollback that wake somebody again. */
const SETBACKS: Partial<Record<Rollback['state'], string>> = {
  failed: 'failed',
  'not-recovered': 'did not help',
  unproven: 'was done, and nobody can tell whether it helped',
};

function setbackOf(rollback: Rollback | null): { at: string; why: string } | null {
  const how = rollback === null ? undefined : SETBACKS[rollback.state];
  if (rollback === null || how === undefined) return null;
  const { act, proof, service, from, to } = rollback;
  const at = proof?.judgedAt ?? act?.endedAt ?? act?.startedAt ?? rollback.proposedAt;
  return { at, why: `the rollback of ${service} from ${from} to ${to} ${how}` };
}

/** Somebody typed the command, and nothing was looked at again since. */
function isAskedFor({ symptom, round = 1, alerts }: Incident): boolean {
  return symptom === 'asked' && round === 1 && alerts === undefined;
}

/** What the report says; where it can't tell, the forecast of the last look that could, its latest end left open. */
function clockOf(report: Report | null, seen: Pager['seen'] | null, hours: WorkHours, nowMs: number): OomClock | null {
  const told = report?.timeToLimitSeconds ?? null;
  if (report !== null && told !== null) {
    return readOomClock(told, { measuredMs: Date.parse(report.generatedAt), nowMs, hours });
  }
  if (report?.verdict !== 'inconclusive' || seen === null || seen.limitFrom === null) return null;
  const low = (Date.parse(seen.limitFrom) - nowMs) / 1000;
  return readOomClock({ low, high: Number.POSITIVE_INFINITY }, { measuredMs: nowMs, nowMs, hours });
}

function whyOf({ service, alerts }: Incident, report: Report | null, trouble: Trouble): string {
  const kills = alerts?.kills?.count ?? 0;
  if (trouble === 'oom') return `${service} was killed for memory ${kills === 1 ? 'once' : `${kills} times`}`;
  const left = report?.timeToLimitSeconds;
  const time = left == null ? '' : `, about ${formatTimeLeft(left.estimate)} to its limit`;
  return `memory of ${service} is ${trouble}${time}`;
}

function toNote(now: OnCallNow, hours: WorkHours, clock: OomClock | null, nowMs: number): Pager['onCall'] {
  const someone = (person: { userId: string | null; name: string } | undefined | null) =>
    person == null ? null : { userId: person.userId, name: person.name };
  return {
    rules: workPhrase(hours, nowMs),
    primary: someone(now.people[0]),
    others: now.people.slice(1, OTHERS_KEPT + 1).map(({ userId, name }) => ({ userId, name })),
    until: now.now === null ? null : new Date(now.now.toMs).toISOString(),
    backup: someone(now.backup),
    clock: clock === null ? null : oomClockPhrase(clock, nowMs, hours.timezone),
  };
}
