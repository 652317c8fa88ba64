/** Presses of buttons and sent modals: acknowledged at once, parsed, answered by the desk to the one who pressed. */
import type { App } from '@slack/bolt';
import type { Logger } from 'pino';
import { z } from 'zod';
import { messageOf } from '../../errors.ts';
import { escapeMrkdwn } from '../../report/slack-blocks.ts';
import { ActionId, ButtonValue } from '../../report/slack-buttons.ts';
import { MODAL_CALLBACK, ModalOrigin, renderModal } from '../../report/slack-modal.ts';
import type { ActionDesk, Press, Submission } from './action-desk.ts';
import type { SlackWeb } from './slack-web.ts';

export type ActionParts = {
  actions: ActionDesk;
  /** True for the first delivery of what carries this id; Slack may deliver twice. Rejects when it can't be told. */
  isFirst: (requestId: string) => Promise<boolean>;
  /** What keeps the bot from answering anything, in words for people; null or absent: nothing that is known. */
  whyUnable?: () => string | null;
  web: SlackWeb;
  logger: Logger;
};

/** Longest wait for the desk, milliseconds; a person has turned away by then. */
const DEADLINE_MS = 10_000;

const JsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.issues.push({ code: 'custom', message: 'JSON', input: text });
    return z.NEVER;
  }
});

const Pressed = z.object({
  user: z.object({ id: z.string() }),
  trigger_id: z.string(),
  container: z.object({ message_ts: z.string(), channel_id: z.string(), thread_ts: z.string().optional() }),
  actions: z.array(z.object({ action_id: ActionId, value: JsonText.pipe(ButtonValue) })).length(1),
});
type Pressed = z.infer<typeof Pressed>;

const Option = z.object({ value: z.string() });
const Field = z
  .object({
    value: z.string().nullish(),
    selected_option: Option.nullish(),
    selected_user: z.string().nullish(),
  })
  .transform((field) => field.value ?? field.selected_option?.value ?? field.selected_user ?? '');

const Sent = z.object({
  user: z.object({ id: z.string() }),
  view: z.object({
    id: z.string(),
    private_metadata: JsonText.pipe(ModalOrigin),
    state: z.object({ values: z.record(z.string(), z.record(z.string(), Field)) }),
  }),
});

type Place = Pick<Press, 'userId' | 'channelId' | 'threadTs' | 'messageTs'>;

/**
 * Registers for every button and modal of ours. `track` holds what is under way, so that a stop waits for it. Nothing waits
 * for the answer here: by HTTP, Slack hears of the acknowledgement when the listener is at its end.
 */
export function listenToActions(app: App, parts: ActionParts, track: (work: Promise<void>) => Promise<void>): void {
  app.action({ type: 'block_actions', action_id: /.*/ }, async ({ ack, body }) => {
    await ack();
    const pressed = Pressed.safeParse(body);
    if (pressed.success) void track(answerPress(pressed.data, parts));
    else parts.logger.warn({ why: pressed.error.message }, 'a press that is none of ours, or forged: nothing was done');
  });
  app.view(MODAL_CALLBACK, async ({ ack, body }) => {
    await ack();
    const sent = Sent.safeParse(body);
    if (sent.success) void track(answerModal(sent.data, parts));
    else parts.logger.warn({ why: sent.error.message }, 'a modal that is none of ours, or forged: nothing was done');
  });
}

async function answerPress({ user, trigger_id, container, actions }: Pressed, parts: ActionParts): Promise<void> {
  const [action] = actions;
  if (action === undefined) return;
  const press: Press = {
    actionId: action.action_id,
    incidentId: action.value.c,
    version: action.value.v,
    userId: user.id,
    channelId: container.channel_id,
    messageTs: container.message_ts,
    threadTs: container.thread_ts ?? container.message_ts,
  };
  await answer(press, `press ${trigger_id}`, parts, async () => {
    const answered = await parts.actions.press(press);
    if (answered.kind === 'told') return answered.text;
    const { userId: _, ...origin } = press;
    const view = renderModal(answered.modal, origin);
    const opened = await parts.web.call('views.open', { trigger_id, view });
    if (opened.kind === 'ok') return null;
    parts.logger.warn({ opened, actionId: press.actionId }, 'a modal could not be opened');
    return '🟠 The form could not be opened, so nothing was done. Press the button again.';
  });
}

async function answerModal({ user, view }: z.infer<typeof Sent>, parts: ActionParts): Promise<void> {
  const values = Object.assign({}, ...Object.values(view.state.values));
  const submission: Submission = { ...view.private_metadata, userId: user.id, values };
  await answer(submission, `view ${view.id}`, parts, async () => await parts.actions.submit(submission));
}

/** Whatever happens, whoever pressed hears what came of it. */
async function answer(
  press: Press,
  requestId: string,
  parts: ActionParts,
  decide: () => Promise<string | null>,
): Promise<void> {
  const { actionId, incidentId, userId } = press;
  const fields = { actionId, incidentId, userId };
  try {
    const text = await withDeadline(
      parts.isFirst(requestId).then(async (isFirst) => (isFirst ? await decide() : null)),
      DEADLINE_MS,
    );
    if (text !== null) await tell(text, press, parts);
  } catch (thrown) {
    parts.logger.error({ err: thrown, ...fields }, 'a press could not be answered');
    const why = escapeMrkdwn(parts.whyUnable?.() ?? messageOf(thrown));
    await tell(`🟠 I can't answer right now (${why}). What the thread does not say was not done.`, press, parts);
  }
}

async function tell(text: string, place: Place, { web, logger }: ActionParts): Promise<void> {
  const { userId, channelId, threadTs } = place;
  const thread = isAlone(place) ? {} : { thread_ts: threadTs };
  const sent = await web.call('chat.postEphemeral', { channel: channelId, user: userId, text, ...thread });
  if (sent.kind !== 'ok') logger.warn({ channelId, sent }, 'the answer to a press could not be shown');
}

/** A page by direct message: in a thread that nobody began yet Slack shows no ephemeral message (chat.postEphemeral). */
function isAlone({ channelId, messageTs, threadTs }: Place): boolean {
  return channelId.startsWith('D') && messageTs === threadTs;
}

async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s`)), ms);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
