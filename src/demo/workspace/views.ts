import { randomUUID } from 'node:crypto';
import { APP_ID, BOT_ID, TEAM_ID } from './directory.ts';
import type { JsonObject } from './json.ts';
import { createTriggers, type Triggers } from './triggers.ts';

/** A modal or Home tab as one person has it open. */
export type View = {
  id: string;
  hash: string;
  user: string;
  content: JsonObject;
  rootViewId: string;
  previousViewId: string | null;
};

const MODALS_IN_A_STACK = 3;

export type ViewStore = Triggers & {
  open: (user: string, content: JsonObject) => View;
  /** Null when three modals are open already. */
  push: (user: string, content: JsonObject) => View | null;
  update: (view: View, content: JsonObject) => View;
  publish: (user: string, content: JsonObject) => View;
  find: (id: string) => View | null;
  /** The open modals of a person, the top one last. */
  modals: (user: string) => readonly View[];
  home: (user: string) => View | null;
  closeTop: (user: string) => void;
  closeAll: (user: string) => void;
};

export function createViewStore(now: () => number): ViewStore {
  const stacks = new Map<string, readonly View[]>();
  const homes = new Map<string, View>();
  const modals = (user: string): readonly View[] => stacks.get(user) ?? [];

  function find(id: string): View | null {
    return [...[...stacks.values()].flat(), ...homes.values()].find((view) => view.id === id) ?? null;
  }

  return {
    ...createTriggers(now),
    open: (user, content) => {
      const view = newView(user, content, null);
      stacks.set(user, [view]);
      return view;
    },
    push: (user, content) => {
      const stack = modals(user);
      if (stack.length >= MODALS_IN_A_STACK) return null;
      const view = newView(user, content, stack.at(-1) ?? null);
      stacks.set(user, [...stack, view]);
      return view;
    },
    update: (view, content) => {
      const next = { ...view, content, hash: newHash() };
      const stack = modals(view.user).map((open) => (open.id === view.id ? next : open));
      stacks.set(view.user, stack);
      if (homes.get(view.user)?.id === view.id) homes.set(view.user, next);
      return next;
    },
    publish: (user, content) => {
      const view = newView(user, content, null);
      homes.set(user, { ...view, id: homes.get(user)?.id ?? view.id });
      return homes.get(user) ?? view;
    },
    find,
    modals,
    home: (user) => homes.get(user) ?? null,
    closeTop: (user) => void stacks.set(user, modals(user).slice(0, -1)),
    closeAll: (user) => void stacks.delete(user),
  };
}

function newView(user: string, content: JsonObject, below: View | null): View {
  const id = `V${randomUUID().slice(0, 8).toUpperCase()}`;
  return { id, hash: newHash(), user, content, rootViewId: below?.rootViewId ?? id, previousViewId: below?.id ?? null };
}

function newHash(): string {
  return `${Date.now()}.${randomUUID().slice(0, 8)}`;
}

/** A view in the shape of the Web API, with what a person has typed so far. */
export function toApiView(view: View, values: JsonObject = {}): JsonObject {
  const { content } = view;
  return {
    private_metadata: '',
    callback_id: '',
    external_id: '',
    clear_on_close: false,
    notify_on_close: false,
    ...content,
    id: view.id,
    team_id: TEAM_ID,
    app_id: APP_ID,
    bot_id: BOT_ID,
    app_installed_team_id: TEAM_ID,
    hash: view.hash,
    root_view_id: view.rootViewId,
    previous_view_id: view.previousViewId,
    state: { values },
  };
}
