/** Who was asked, who has it, and who acts next: on the root, in the thread and in direct messages. */
import type { Incident } from '../incident/incident.ts';
import type { Pager } from '../incident/pager.ts';
import {
  code,
  escapeMrkdwn,
  fitMessage,
  link,
  localTime,
  mention,
  type SlackMessage,
  section,
  utcTime,
} from './slack-blocks.ts';
import { buttonRow, NO_PART, type RootButton, type RootPart } from './slack-buttons.ts';
import { serviceName } from './slack-root.ts';

const SHOWN_PEOPLE = 8;

/** What the root shows. Nobody is mentioned unless they were paged: a mention wakes people. */
export function pagerPart(pager: Pager): RootPart {
  const { state, onCall } = pager;
  const clock = onCall.clock === null ? [] : [`⏱ ${escapeMrkdwn(onCall.clock)}`];
  if (state === 'over') return NO_PART;
  if (state === 'quiet') {
    if (pager.spared != null) return { ...NO_PART, lines: [...clock, sparedLine(pager.team, pager.spared)] };
    const raised = pager.raisedAt === null ? [] : [`📣 Raised in the thread at ${localTime(pager.raisedAt)}`];
    return { ...NO_PART, lines: [...clock, ...raised] };
  }
  return { ...NO_PART, lines: [onCallLine(pager), ...clock, stateLine(pager)], buttons: pagerButtons(pager) };
}

function sparedLine(team: string, { umbrella, service, incident }: NonNullable<Pager['spared']>): string {
  const whom = `${escapeMrkdwn(service, 80)} (${escapeMrkdwn(incident, 20)})`;
  return `📟 Nobody is paged for it: ${escapeMrkdwn(team, 60)} was for ${whom}, under ${escapeMrkdwn(umbrella, 20)}`;
}

/** `👤 on call @alice until … · backup @bob · weekend, back Mon 09:00`. */
function onCallLine({ onCall: { rules, primary, others = [], until, backup } }: Pager): string {
  const who = primary === null ? '*nobody is on call*' : `on call ${namesOf([primary, ...others])}`;
  const end = until === null ? '' : ` until ${localTime(until)}`;
  const second = backup === null ? '' : ` · backup ${personOf(backup)}`;
  return `👤 ${who}${end}${second} · ${escapeMrkdwn(rules)}`;
}

function namesOf(people: readonly Parameters<typeof personOf>[0][]): string {
  const more = people.length > SHOWN_PEOPLE ? ` and ${people.length - SHOWN_PEOPLE} more` : '';
  return `${people.slice(0, SHOWN_PEOPLE).map(personOf).join(', ')}${more}`;
}

function stateLine(pager: Pager): string {
  const { state, level, dueAt, holder, snoozed } = pager;
  const due = dueAt === null ? '' : localTime(dueAt);
  switch (state) {
    case 'waiting':
      return `*Next:* whoever looks at this acknowledges; else who is on call is paged at ${due}`;
    case 'paging':
      return level === 0
        ? '*Next:* who is on call is being paged'
        : `📟 Paged ${peopleOf(pager)} (level ${level}). *Next:* they acknowledge${due === '' ? '' : `; else the next level is paged at ${due}`}`;
    case 'unanswered':
      return '📟 *Everybody was paged and nobody acknowledged.* *Next:* whoever reads this acknowledges';
    case 'held':
      return `✋ Held by ${holder === null ? 'nobody' : `${mention(holder.userId)} since ${localTime(holder.at)}`}`;
    case 'snoozed':
      return `💤 Snoozed until ${due}${snoozed === null ? '' : ` by ${mention(snoozed.by)}`}; an OOM kill or a critical verdict ends it early`;
    case 'quiet':
    case 'over':
      return '';
  }
}

/** `version` of these buttons is the round: what became of an earlier one is not theirs to say. */
export function pagerButtons({ state, round }: Pager): RootButton[] {
  const version = round;
  switch (state) {
    case 'waiting':
    case 'paging':
    case 'unanswered':
      return [
        { action: 'acknowledge', version },
        { action: 'snooze', version },
      ];
    case 'held':
      return [
        { action: 'hand_over', version },
        { action: 'snooze', version },
      ];
    case 'snoozed':
      return [{ action: 'acknowledge', version }];
    case 'quiet':
    case 'over':
      return [];
  }
}

/** Everybody of the newest page. */
function peopleOf({ pages }: Pager): string {
  const userIds = pages.at(-1)?.userIds ?? [];
  const shown = userIds.slice(0, SHOWN_PEOPLE).map(mention).join(' ');
  return userIds.length > SHOWN_PEOPLE ? `${shown} and ${userIds.length - SHOWN_PEOPLE} more` : shown || 'nobody';
}

function personOf({ userId, name }: { userId: string | null; name: string }): string {
  return userId === null ? `${escapeMrkdwn(name, 80)} (not known to Slack)` : mention(userId);
}

/** The mention in the thread. */
export function renderPageReply(pager: Pager): SlackMessage {
  const { why, level, dueAt } = pager;
  const page = pager.pages.at(-1);
  const head =
    page === undefined || page.userIds.length === 0
      ? `📟 There is nobody for level ${level} of the escalation; the next one is asked now`
      : `📟 ${peopleOf(pager)}: ${escapeMrkdwn(why)}`;
  const next =
    dueAt === null
      ? 'This was the last level.'
      : `Nobody else is woken when you acknowledge before ${localTime(dueAt)}.`;
  const plain = dueAt === null ? next : `Nobody else is woken when you acknowledge before ${utcTime(dueAt)}.`;
  return fitMessage(`${head}. ${plain}`, [
    section([`${head}.`, next]),
    ...buttonRow(pager.incident, pagerButtons(pager)),
  ]);
}

/** The direct message: complete by itself, on a phone at night. */
export function renderPage(incident: Incident, pager: Pager, permalink: string | null): SlackMessage {
  const name = serviceName(incident);
  const thread = pager.pages.at(-1)?.thread ?? incident.id;
  const place = permalink === null ? code(thread, 20) : link(permalink, `thread of ${thread}`);
  const { clock } = pager.onCall;
  const why = escapeMrkdwn(pager.why);
  const facts = [
    ...(clock === null ? [] : [`⏱ ${escapeMrkdwn(clock)}`]),
    `You are asked as level ${pager.level} for the team ${escapeMrkdwn(pager.team, 60)}. Evidence: ${place}`,
  ];
  const by = (time: (rfc3339: string) => string): string =>
    pager.dueAt === null ? '' : ` before ${time(pager.dueAt)}, or somebody else is woken`;
  const text = [
    `${name}: ${why}.`,
    ...facts,
    `Acknowledge it in the thread of ${escapeMrkdwn(thread, 20)}${by(utcTime)}.`,
  ];
  return fitMessage(text.join('\n'), [
    section([`📟 *${name}*: ${why}`, ...facts, `*Next:* you acknowledge${by(localTime)}`]),
    ...buttonRow(pager.incident, pagerButtons(pager)),
  ]);
}

/** What happened to the pager, for the thread. */
export function renderPagerEvent(line: string): SlackMessage {
  return fitMessage(line, [section([line])]);
}

/** A warning that would kill before somebody is back at work. */
export function renderRaised(pager: Pager): SlackMessage {
  const { primary, others = [] } = pager.onCall;
  const who = primary === null ? 'Nobody is on call' : namesOf([primary, ...others]);
  const line = `📣 ${who}: ${escapeMrkdwn(pager.why)}`;
  const next = 'decide while somebody is there to act; nobody is paged for this yet';
  return fitMessage(`${line}. Next: ${next}.`, [section([line, `*Next:* ${next}`])]);
}

/** For whoever has it: it became worse. */
export function renderWorse({ holder, service, seen }: Pager): SlackMessage {
  const what = seen.trouble === 'oom' ? 'is being killed for memory now' : `is ${seen.trouble} now`;
  const who = holder === null ? 'Nobody' : mention(holder.userId);
  return renderPagerEvent(`✋ ${who}: ${escapeMrkdwn(service, 80)} ${what}. You have it; nobody else is woken.`);
}
