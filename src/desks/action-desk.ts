/** One handler a button: what a press and its modal do. Whoever builds a button registers here, in `bot.ts`. */
import type { ActionDesk, Press, PressAnswer, Submission } from '../adapters/slack/action-desk.ts';
import type { ActionId } from '../report/slack-buttons.ts';

export type ActionHandler = {
  press: (press: Press) => Promise<PressAnswer>;
  /** Of a button that opens a modal. */
  submit?: (submission: Submission) => Promise<string | null>;
};

const NOT_HERE = '⚪ This version has nothing behind that button; nothing was done.';

export function createActionDesk(handlers: Partial<Record<ActionId, ActionHandler>>): ActionDesk {
  return {
    press: async (press) => (await handlers[press.actionId]?.press(press)) ?? { kind: 'told', text: NOT_HERE },
    submit: async (submission) => {
      const submit = handlers[submission.actionId]?.submit;
      return submit === undefined ? NOT_HERE : await submit(submission);
    },
  };
}
