import { refuseView } from './block-kit/problems.ts';
import type { Ack } from './delivery.ts';
import { elementsOf, findElement, stateOf, toAction } from './elements.ts';
import { isObject, type JsonObject, objectIn, stringIn } from './json.ts';
import type { Outbox } from './outbox.ts';
import { viewActionPayload, viewClosedPayload, viewSubmissionPayload } from './payloads.ts';
import { type AppAnswer, knownUser } from './people.ts';
import { toApiView, type View } from './views.ts';
import type { World } from './world.ts';

/** What was typed and picked, by `action_id`. */
type Typed = Readonly<Record<string, string>>;

/** `errors`: what the app complained about, by `block_id`; then the modal stays open. */
type Submission = Omit<AppAnswer, 'response'> & { errors: JsonObject | null };

export type Modals = {
  /** Presses Submit in the top modal of the person. */
  submitView: (input: { user: string; values?: Typed }) => Promise<Submission>;
  closeView: (input: { user: string }) => Promise<void>;
  /** Presses something in the top modal, or in the Home tab when none is open. */
  pressInView: (input: { user: string; actionId: string; value?: string }) => Promise<Omit<AppAnswer, 'response'>>;
  /** The person opens the app's Home tab. */
  openHome: (input: { user: string }) => Promise<Omit<AppAnswer, 'response'>>;
  modal: (user: string) => View | null;
  home: (user: string) => View | null;
};

export function createModals(world: World, outbox: Outbox, now: () => number): Modals {
  const { views } = world;

  function top(user: string): View {
    const view = views.modals(user).at(-1);
    if (view === undefined) throw new Error(`${user} has no modal open`);
    return view;
  }

  return {
    submitView: async ({ user, values = {} }) => {
      const view = top(user);
      const shown = toApiView(view, stateValues(view, values));
      const payload = viewSubmissionPayload(knownUser(user, world), views.newTrigger(user), shown);
      const ack = await outbox.send('interactive', payload);
      return { ...withoutResponse(ack), errors: ack.acked ? applyAction(ack.body, view, world) : null };
    },
    closeView: async ({ user }) => {
      const view = top(user);
      views.closeTop(user);
      if (view.content['notify_on_close'] !== true) return;
      await outbox.send('interactive', viewClosedPayload(knownUser(user, world), toApiView(view), false));
    },
    pressInView: async ({ user, actionId, value }) => {
      const view = views.modals(user).at(-1) ?? views.home(user);
      if (view === null) throw new Error(`${user} has neither a modal nor the Home tab open`);
      const action = toAction(findElement(blocksOf(view), actionId), value, String(now() / 1000));
      const payload = viewActionPayload(knownUser(user, world), views.newTrigger(user), toApiView(view), action);
      return withoutResponse(await outbox.send('interactive', payload));
    },
    openHome: async ({ user }) => {
      const channel = world.directory.openDm(knownUser(user, world).id).id;
      const event = { type: 'app_home_opened', user, channel, tab: 'home', event_ts: String(now() / 1000) };
      return withoutResponse(await outbox.sendEvent(event));
    },
    modal: (user) => views.modals(user).at(-1) ?? null,
    home: (user) => views.home(user),
  };
}

function withoutResponse(ack: Ack): Omit<AppAnswer, 'response'> {
  return { acked: ack.acked, ackMs: ack.ackMs, error: ack.acked ? null : ack.error };
}

function blocksOf(view: View): readonly JsonObject[] {
  const blocks = view.content['blocks'];
  return Array.isArray(blocks) ? blocks.filter(isObject) : [];
}

/** `state.values`: by block, then by action. The client refuses a form with a required field left empty. */
function stateValues(view: View, typed: Typed): JsonObject {
  const values: Record<string, JsonObject> = {};
  const known = new Set<string>();
  for (const { blockId, element } of elementsOf(blocksOf(view))) {
    const actionId = stringIn(element, 'action_id') ?? '';
    known.add(actionId);
    const given =
      typed[actionId] ?? stringIn(element, 'initial_value') ?? stringIn(objectIn(element, 'initial_option'), 'value');
    const block = blocksOf(view).find((one) => one['block_id'] === blockId);
    if (given === null && block?.['type'] === 'input' && block['optional'] !== true) {
      throw new Error(`the form can't be sent: ${actionId} is required`);
    }
    if (given !== null && element['type'] !== 'button')
      values[blockId] = { ...values[blockId], [actionId]: stateOf(element, given) };
  }
  const stray = Object.keys(typed).find((actionId) => !known.has(actionId));
  if (stray !== undefined) throw new Error(`the form has no field ${stray}`);
  return values;
}

/** What the acknowledgement does with the modal; the complaints when it has some. */
function applyAction(body: unknown, view: View, { views }: World): JsonObject | null {
  const action = stringIn(body, 'response_action');
  if (action === 'errors') return objectIn(body, 'errors') ?? {};
  const next = objectIn(body, 'view');
  if (action === 'update' || action === 'push') {
    const refusal = refuseView(next);
    if (next === null || refusal !== null) throw new Error(`Slack can't show this view: ${JSON.stringify(refusal)}`);
    if (action === 'update') views.update(view, next);
    else views.push(view.user, next);
  } else if (action === 'clear') {
    views.closeAll(view.user);
  } else {
    views.closeTop(view.user);
  }
  return null;
}
