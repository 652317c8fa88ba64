import { z } from 'zod';
import { refuseView } from '../block-kit/problems.ts';
import { isObject, type JsonObject } from '../json.ts';
import { answer, botMethod, type MethodAnswer, type MethodTable, refuse, Structure, Text } from '../method.ts';
import { toApiView, type View } from '../views.ts';
import type { World } from '../world.ts';

const Opening = z.object({ trigger_id: Text, view: Structure });
const Updating = z.object({ view_id: Text, view: Structure, hash: Text.optional() });
const Publishing = z.object({ user_id: Text, view: Structure, hash: Text.optional() });

export const viewMethods: MethodTable = {
  'views.open': botMethod(Opening, (args, world) => show(args, world, (user, view) => world.views.open(user, view))),
  'views.push': botMethod(Opening, (args, world) => show(args, world, (user, view) => world.views.push(user, view))),
  'views.update': botMethod(Updating, (args, { views }) => {
    const view = views.find(args.view_id);
    if (view === null) return refuse('not_found');
    if (args.hash !== undefined && args.hash !== view.hash) return refuse('hash_conflict');
    return checked(args.view, (content) => views.update(view, content));
  }),
  'views.publish': botMethod(Publishing, (args, { directory, views }) => {
    if (directory.user(args.user_id) === null) return refuse('user_not_found');
    const before = views.home(args.user_id);
    if (args.hash !== undefined && before !== null && args.hash !== before.hash) return refuse('hash_conflict');
    return checked(args.view, (content) => views.publish(args.user_id, content));
  }),
};

function show(
  args: z.output<typeof Opening>,
  world: World,
  open: (user: string, content: JsonObject) => View | null,
): MethodAnswer {
  const refusal = refuseView(args.view);
  if (refusal !== null) return refusal;
  const trigger = world.views.useTrigger(args.trigger_id);
  if (!trigger.ok) return refuse(trigger.error);
  return checked(args.view, (content) => open(trigger.user, content));
}

function checked(view: unknown, put: (content: JsonObject) => View | null): MethodAnswer {
  const refusal = refuseView(view);
  if (refusal !== null || !isObject(view)) return refusal ?? refuse('invalid_arguments');
  const shown = put(view);
  return shown === null ? refuse('push_limit_reached') : answer({ view: toApiView(shown) });
}
