/** Acknowledge, hand over and snooze: decided by what is stored, by those who may. */
import type { PressAnswer, Submission } from '../adapters/slack/action-desk.ts';
import type { Pager } from '../incident/pager.ts';
import { threadOf } from '../incident/umbrella.ts';
import { onCallAt, peopleOf } from '../oncall/rota.ts';
import { acknowledge, handOver, type PagerAnswer, type PagerRefusal, snooze } from '../oncall/taking.ts';
import { shortTime } from '../oncall/zone-time.ts';
import { code, escapeMrkdwn, localTime, mention } from '../report/slack-blocks.ts';
import { renderPagerEvent } from '../report/slack-pager.ts';
import type { ActionHandler } from './action-desk.ts';
import { clockOf, findOwned, type Owned, type PagingParts, queueDue, resolveApprovers, rotaOf } from './page-desk.ts';

/** Choices of the snooze, seconds; beside them: until the team is next at work. */
const SNOOZES: Readonly<Record<string, number>> = { '30m': 1800, '2h': 7200, '8h': 28_800 };
const UNTIL_WORK = 'work';
const USER_ID = /^[UW][A-Z0-9]{2,20}$/;

export function pagerActions(parts: PagingParts): Record<'acknowledge' | 'hand_over' | 'snooze', ActionHandler> {
  return {
    acknowledge: {
      async press({ incidentId, version, userId }) {
        const owned = await findOwned(incidentId, parts);
        const refused = await refusal(owned, userId, parts);
        if (owned === null || refused !== null) return told(refused);
        const nowMs = clockOf(parts);
        const text = `✋ ${mention(userId)} has it; nobody else is woken`;
        const outcome = await decide(owned, (pager) => acknowledge(pager, userId, version, nowMs), text, parts);
        return told(outcome ?? `✋ You have ${code(incidentId, 20)} now. Nobody else is woken for it.`);
      },
    },
    hand_over: {
      async press({ incidentId, userId }) {
        const [owned, pager] = await Promise.all([findOwned(incidentId, parts), parts.pagers.find(incidentId)]);
        if (owned === null) return told(NOT_KNOWN);
        if (pager?.state !== 'held' || pager.holder?.userId !== userId)
          return told(refusalText('held-by-other', pager));
        return askWhom(incidentId);
      },
      submit: async (submission) => await handOn(submission, parts),
    },
    snooze: {
      async press({ incidentId, userId }) {
        const owned = await findOwned(incidentId, parts);
        const refused = await refusal(owned, userId, parts);
        if (owned === null || refused !== null) return told(refused);
        const { hours } = await parts.rotas.hoursOf(owned.team, 1500);
        const nowMs = clockOf(parts);
        const workMs = hours.at(nowMs).kind === 'open' ? null : hours.nextOpen(nowMs);
        return askHowLong(incidentId, workMs === null ? null : shortTime(workMs, nowMs, owned.team.timezone));
      },
      submit: async (submission) => await putOff(submission, parts),
    },
  };
}

const NOT_KNOWN = '⚪ This incident is not known any more; nothing was done.';

async function handOn({ incidentId, version, userId, values }: Submission, parts: PagingParts): Promise<string> {
  const owned = await findOwned(incidentId, parts);
  if (owned === null) return NOT_KNOWN;
  const to = values['to'] ?? '';
  const note = (values['note'] ?? '').trim();
  if (!USER_ID.test(to)) return '🟠 Nobody was chosen, so nothing was done.';
  const nowMs = clockOf(parts);
  const said = note === '' ? '' : `: ${escapeMrkdwn(note, 500)}`;
  const text = `🤝 ${mention(userId)} handed it over to ${mention(to)}${said}`;
  const wish = { by: userId, to, note, round: version };
  const refused = await decide(owned, (pager) => handOver(pager, wish, nowMs), text, parts);
  if (refused !== null) return refused;
  const told = await tellInPerson(owned, to, `${text}. You have ${code(incidentId, 20)} now.`, parts);
  return `🤝 ${mention(to)} has ${code(incidentId, 20)} now${told ? '' : '; Slack let me send them no direct message, so tell them'}.`;
}

async function putOff({ incidentId, version, userId, values }: Submission, parts: PagingParts): Promise<string> {
  const owned = await findOwned(incidentId, parts);
  const refused = await refusal(owned, userId, parts);
  if (owned === null || refused !== null) return refused ?? NOT_KNOWN;
  const nowMs = clockOf(parts);
  const choice = values['until'] ?? '';
  const seconds = SNOOZES[choice];
  const { hours } = await parts.rotas.hoursOf(owned.team, 1500);
  const untilMs = choice === UNTIL_WORK ? hours.nextOpen(nowMs) : seconds === undefined ? null : nowMs + seconds * 1000;
  if (untilMs === null || untilMs <= nowMs) return '🟠 That time is not one of the choices, so nothing was done.';
  const until = localTime(new Date(untilMs).toISOString());
  const text = `💤 ${mention(userId)} snoozed it until ${until}; an OOM kill or a critical verdict ends that early`;
  const wish = { by: userId, untilMs, round: version };
  return (await decide(owned, (pager) => snooze(pager, wish, nowMs), text, parts)) ?? `💤 Snoozed until ${until}.`;
}

/** Stores the wish, then tells it; null when it was done, else why not. */
async function decide(
  { incident }: Owned,
  wish: (pager: Pager | null) => PagerAnswer,
  text: string,
  parts: PagingParts,
): Promise<string | null> {
  let refused: PagerRefusal | null = null;
  const done = await parts.pagers.change(incident.id, (before) => {
    const answer = wish(before);
    refused = answer.kind === 'refused' ? answer.why : null;
    return answer.kind === 'refused' ? null : answer.change;
  });
  if (done === null) return NOT_KNOWN;
  if (refused !== null || done.pager === null) return refusalText(refused ?? 'over', done.pager);
  await queueDue(done.pager, parts);
  const said =
    incident.isListed === true
      ? `${code(incident.id, 20)} ${escapeMrkdwn(incident.service, 80)}: ${text}.`
      : `${text}.`;
  const key = `pager ${incident.id} ${done.pager.version}`;
  await parts.outbox.reply(threadOf(incident), key, renderPagerEvent(said));
  await parts.refresh(incident.id);
  return null;
}

async function tellInPerson({ incident }: Owned, userId: string, text: string, parts: PagingParts): Promise<boolean> {
  const opened = await parts.messages.channelOf(userId);
  if (opened.outcome !== 'ok') return false;
  const pager = await parts.pagers.find(incident.id);
  const permalink = await parts.outbox.permalink(threadOf(incident).id);
  const place = permalink === null ? '' : ` ${permalink}`;
  await parts.outbox.post(
    `pager ${incident.id} ${pager?.version ?? 0}`,
    opened.value,
    renderPagerEvent(`${text}${place}`),
  );
  return true;
}

/** Why this person may not press, or null: those who were paged, have a shift in the rota, or are the team's approvers. */
async function refusal(owned: Owned | null, userId: string, parts: PagingParts): Promise<string | null> {
  if (owned === null) return NOT_KNOWN;
  const { team, incident } = owned;
  const pager = await parts.pagers.find(incident.id);
  const isPaged = pager?.pages.some(({ userIds }) => userIds.includes(userId)) ?? false;
  if (isPaged || pager?.holder?.userId === userId || incident.openedBy === userId) return null;
  const rota = await rotaOf(team, parts);
  if (rota !== null && peopleOf(rota).includes(userId)) return null;
  if ((await resolveApprovers(team, parts)).includes(userId)) return null;
  const primary = rota === null ? null : onCallAt(rota, clockOf(parts)).people[0]?.userId;
  const ask = primary == null ? '' : ` Ask ${mention(primary)}.`;
  return `⛔ Only those on call for ${escapeMrkdwn(team.name, 60)} and its approvers may do that; nothing was done.${ask}`;
}

function refusalText(why: PagerRefusal, pager: Pager | null): string {
  switch (why) {
    case 'over':
      return '⚪ Nobody needs to act on this any more; nothing was done.';
    case 'held-by-you':
      return '✋ You have it already.';
    case 'held-by-other':
      return pager?.holder == null
        ? '⚪ Nobody has it; acknowledge it first.'
        : `✋ ${mention(pager.holder.userId)} has it since ${localTime(pager.holder.at)}; nothing was done. Ask them to hand it over.`;
    case 'not-held':
      return '⚪ Nobody has it; acknowledge it first.';
    case 'same-person':
      return '⚪ That is you; nothing was done.';
    case 'other-round':
      return '⚪ That button belongs to an earlier page; nothing was done. Use those on the first message of the thread.';
  }
}

function askWhom(incidentId: string): PressAnswer {
  return {
    kind: 'modal',
    modal: {
      title: 'Hand over',
      submit: 'Hand over',
      lines: [`Whoever you choose has ${code(incidentId, 20)} from then on, and is told by direct message.`],
      fields: [
        { kind: 'user', id: 'to', label: 'To whom' },
        { kind: 'text', id: 'note', label: 'What they must know', isOptional: true },
      ],
    },
  };
}

function askHowLong(incidentId: string, work: string | null): PressAnswer {
  const until = work === null ? [] : [{ value: UNTIL_WORK, label: `until ${work}` }];
  const options = [...Object.keys(SNOOZES).map((value) => ({ value, label: `for ${value}` })), ...until];
  return {
    kind: 'modal',
    modal: {
      title: 'Snooze',
      submit: 'Snooze',
      lines: [`Nobody is told of ${code(incidentId, 20)} until then, unless it is killed or becomes critical.`],
      fields: [{ kind: 'choice', id: 'until', label: 'How long', options }],
    },
  };
}

function told(text: string | null): PressAnswer {
  return { kind: 'told', text };
}
