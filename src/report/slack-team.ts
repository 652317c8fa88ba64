/** What a team reads when its week begins, and when a shift ends: what happened, what is still open, who acts next. */
import type { Incident } from '../incident/incident.ts';
import type { Pager } from '../incident/pager.ts';
import {
  code,
  context,
  escapeMrkdwn,
  fitMessage,
  link,
  localTime,
  mention,
  type SlackMessage,
  section,
} from './slack-blocks.ts';
import { serviceName } from './slack-root.ts';

/** One incident of the time that is told of. */
export type TeamCase = {
  incident: Incident;
  /** Null: there is no report yet. */
  verdict: 'healthy' | 'warning' | 'critical' | 'inconclusive' | null;
  pager: Pager | null;
  permalink: string | null;
};

export type Digest = {
  team: string;
  /** `Mon 23 Nov`, in the team's zone. */
  day: string;
  cases: readonly TeamCase[];
  onCall: readonly { userId: string | null; name: string }[];
  /** Times of the coming fortnight without anybody, in words. */
  gaps: readonly string[];
};

const CASES_SHOWN = 15;
const PEOPLE_SHOWN = 8;
const VERDICT_WORDS = {
  healthy: '🟢 healthy',
  warning: '🟠 warning',
  critical: '🔴 critical',
  inconclusive: "🟠 can't tell",
} as const;

/** Null: nothing happened, nothing is open, and no gap is ahead, so nothing needs to be said. */
export function renderDigest({ team, day, cases, onCall, gaps }: Digest): SlackMessage | null {
  if (cases.length === 0 && gaps.length === 0) return null;
  const open = cases.filter(({ incident }) => incident.state !== 'closed');
  const closed = cases.filter(({ incident }) => incident.state === 'closed');
  const head = `📋 *${escapeMrkdwn(team, 80)}* — the week until ${escapeMrkdwn(day, 40)}: ${countsOf(cases)}`;
  const who = onCall.length === 0 ? '*nobody is on call*' : onCall.slice(0, PEOPLE_SHOWN).map(personOf).join(', ');
  const lines = [
    ...(open.length === 0 ? [] : ['*Still open:*', ...shown(open)]),
    ...(closed.length === 0 ? [] : ['*Closed:*', ...shown(closed)]),
    ...(gaps.length === 0 ? [] : [`🟠 *Nobody is on call:* ${gaps.map((gap) => escapeMrkdwn(gap, 80)).join(', ')}`]),
  ];
  const next = open.length === 0 ? '*Next:* nothing needs to be done' : `*Next:* ${who} takes up what is open`;
  const blocks = [section([head]), ...(lines.length === 0 ? [] : [section(lines)]), section([next])];
  return fitMessage([head, ...lines, next].join('\n'), blocks);
}

export type ShiftEnd = {
  team: string;
  endedAt: string;
  ended: { userId: string | null; name: string };
  /** Null: nobody follows. */
  follows: { userId: string | null; name: string } | null;
  cases: readonly TeamCase[];
  /** At night nobody is mentioned: a mention wakes people. */
  isStaffed: boolean;
};

export function renderShiftEnd({ team, endedAt, ended, follows, cases, isStaffed }: ShiftEnd): SlackMessage {
  const open = cases.filter(({ incident }) => incident.state !== 'closed');
  const held = open.filter(({ pager }) => pager?.holder != null && pager.holder.userId === ended.userId);
  const quiet = `see ${code('/memtriage oncall')}`;
  const name = (person: { userId: string | null; name: string }): string => (isStaffed ? personOf(person) : quiet);
  const heir = follows === null ? '*nobody is on call now*' : `now on call: ${name(follows)}`;
  const head = `🔁 *${escapeMrkdwn(team, 80)}* — a shift ended at ${localTime(endedAt)}; ${heir}`;
  const was = isStaffed ? `In the shift of ${personOf(ended)}: ` : 'In that shift: ';
  const lines = [`${was}${countsOf(cases)}`, ...shown(open)];
  const handed = held.map(({ incident }) => code(incident.id, 20)).join(', ');
  const next =
    held.length > 0
      ? `*Next:* ${handed} ${held.length === 1 ? 'is' : 'are'} still held from that shift: hand over in the thread`
      : open.length > 0
        ? '*Next:* whoever is on call now takes up what is open'
        : '*Next:* nothing needs to be done';
  return fitMessage([head, ...lines, next].join('\n'), [section([head]), section(lines), context([next])]);
}

function countsOf(cases: readonly TeamCase[]): string {
  const open = cases.filter(({ incident }) => incident.state !== 'closed').length;
  const kills = cases.reduce((sum, { incident }) => sum + (incident.alerts?.kills?.count ?? 0), 0);
  const pages = cases.reduce((sum, { pager }) => sum + (pager?.pages.length ?? 0), 0);
  const counts = [
    `${cases.length} incident${cases.length === 1 ? '' : 's'}`,
    `${open} still open`,
    `${kills} OOM kill${kills === 1 ? '' : 's'}`,
    `${pages} page${pages === 1 ? '' : 's'}`,
  ];
  return counts.join(', ');
}

function shown(cases: readonly TeamCase[]): string[] {
  const lines = cases.slice(0, CASES_SHOWN).map(caseLine);
  return cases.length > CASES_SHOWN ? [...lines, `… and ${cases.length - CASES_SHOWN} more`] : lines;
}

function caseLine({ incident, verdict, pager, permalink }: TeamCase): string {
  const id = permalink === null ? code(incident.id, 20) : link(permalink, incident.id);
  const state = verdict === null ? '⏳ no verdict yet' : VERDICT_WORDS[verdict];
  const clock =
    pager?.onCall.clock == null || incident.state === 'closed' ? '' : `; ${escapeMrkdwn(pager.onCall.clock)}`;
  return `• ${id} ${serviceName(incident)}: ${state}, opened ${localTime(incident.openedAt)}${holderPhrase(pager)}${clock}`;
}

/** Holders are named by who holds it now only: a digest shall not call everybody who ever did something. */
function holderPhrase(pager: Pager | null): string {
  switch (pager?.state) {
    case 'held':
      return pager.holder === null ? '' : `, held by ${mention(pager.holder.userId)}`;
    case 'snoozed':
      return pager.snoozed === null ? '' : `, snoozed until ${localTime(pager.snoozed.until)}`;
    case 'unanswered':
      return ', *everybody was paged and nobody answered*';
    case 'paging':
    case 'waiting':
      return ', being paged';
    case 'quiet':
    case 'over':
    case undefined:
      return pager !== null && pager !== undefined && pager.pages.length === 0 ? ', nobody was paged' : '';
  }
}

function personOf({ userId, name }: { userId: string | null; name: string }): string {
  return userId === null ? escapeMrkdwn(name, 80) : mention(userId);
}
