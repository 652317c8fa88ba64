import type { ActionId } from '../../report/slack-buttons.ts';
import type { Modal } from '../../report/slack-modal.ts';

/** Somebody pressed a button. What it carries was parsed, but proves nothing: whoever answers decides by what is stored. */
export type Press = {
  actionId: ActionId;
  incidentId: string;
  /** Of the state that the button was shown with. */
  version: number;
  userId: string;
  channelId: string;
  /** Of the message with the button, and of the root of its thread (the same for a root). */
  messageTs: string;
  threadTs: string;
};

/** A sent modal: the press that opened it, and what was put into its fields (empty: nothing). */
export type Submission = Press & { values: Readonly<Record<string, string>> };

/** `text`: mrkdwn that only the person who pressed sees, escaped; null: nothing needs to be said. */
export type PressAnswer = { kind: 'told'; text: string | null } | { kind: 'modal'; modal: Modal };

export interface ActionDesk {
  /** Slack's trigger for a modal lives 3 s: must answer within 2 s, Redis up or down. */
  press(press: Press): Promise<PressAnswer>;
  /** What the person is told; null: nothing. */
  submit(submission: Submission): Promise<string | null>;
}
