import { randomUUID } from 'node:crypto';

/** A trigger must be used within 3 s, and once (docs: creating modals). */
const TRIGGER_LIFE_MS = 3000;

export type Triggers = {
  newTrigger: (user: string) => string;
  /** The person whose click made the trigger, or the error that Slack gives. */
  useTrigger: (id: string) => { ok: true; user: string } | { ok: false; error: string };
};

export function createTriggers(now: () => number): Triggers {
  const triggers = new Map<string, { user: string; madeAt: number; isUsed: boolean }>();
  return {
    newTrigger: (user) => {
      const id = `${Math.floor(now())}.${randomUUID().replaceAll('-', '')}`;
      triggers.set(id, { user, madeAt: now(), isUsed: false });
      return id;
    },
    useTrigger: (id) => {
      const trigger = triggers.get(id);
      if (trigger === undefined) return { ok: false, error: 'invalid_trigger_id' };
      if (trigger.isUsed) return { ok: false, error: 'exchanged_trigger_id' };
      if (now() - trigger.madeAt > TRIGGER_LIFE_MS) return { ok: false, error: 'expired_trigger_id' };
      trigger.isUsed = true;
      return { ok: true, user: trigger.user };
    },
  };
}
