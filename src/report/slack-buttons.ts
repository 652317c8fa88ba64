/** The buttons of an incident's root, and the lines about its state that whoever keeps a state adds to it. */
import { z } from 'zod';
import type { Incident } from '../incident/incident.ts';
import {
  fitMessage,
  plainText,
  type SlackBlock,
  type SlackButton,
  type SlackMessage,
  section,
} from './slack-blocks.ts';

export const ActionId = z.enum([
  'approve_rollback',
  'decline_rollback',
  'acknowledge',
  'hand_over',
  'snooze',
  'snapshot_again',
  'set_baseline',
]);
export type ActionId = z.infer<typeof ActionId>;

/** What a button carries: the incident, and the version of the state that it was shown with. */
export const ButtonValue = z.object({ c: z.string().regex(/^M-\d{1,15}$/), v: z.int().min(0) });
export type ButtonValue = z.infer<typeof ButtonValue>;

export type RootButton = {
  action: ActionId;
  version: number;
  /** Slack asks this before the press counts; plain text. */
  confirm?: { title: string; text: string; yes: string };
};

/** What one keeper of state (rollback, on-call, …) shows on the root. Lines are escaped mrkdwn. */
export type RootPart = {
  /** Stands first on the root, as the state of the case: `🔵 *checkout* — *rolling back v812 → v811*`; null: none. */
  head: string | null;
  /** Below the report: who holds it, who acts next. */
  lines: readonly string[];
  buttons: readonly RootButton[];
  /** What the report advises was done or tried since: it is shown as what it is, the report from before. */
  overtakesReport?: boolean;
};

export const NO_PART: RootPart = { head: null, lines: [], buttons: [] };

const LABELS: Readonly<Record<ActionId, { label: string; style?: 'primary' | 'danger' }>> = {
  approve_rollback: { label: 'Approve rollback', style: 'danger' },
  decline_rollback: { label: 'Decline…' },
  acknowledge: { label: 'Acknowledge', style: 'primary' },
  hand_over: { label: 'Hand over…' },
  snooze: { label: 'Snooze…' },
  snapshot_again: { label: 'Look again' },
  set_baseline: { label: 'Set as new baseline' },
};

const OVERTAKEN = 'Below is the report from before the rollback:';

/** The root with what the keepers of state say of it: heads before everything, lines and buttons before the small print. */
export function withState(incident: Incident, parts: readonly RootPart[], root: SlackMessage): SlackMessage {
  const isOvertaken = parts.some(({ overtakesReport }) => overtakesReport === true);
  const heads = [...parts.flatMap(({ head }) => head ?? []), ...(isOvertaken ? [OVERTAKEN] : [])];
  const lines = parts.flatMap((part) => part.lines);
  const buttons = parts.flatMap((part) => part.buttons);
  if (heads.length + lines.length + buttons.length === 0) return root;
  const last = root.blocks.at(-1)?.type === 'context' ? -1 : root.blocks.length;
  return fitMessage([...heads, root.text, ...lines].join('\n'), [
    ...(heads.length === 0 ? [] : [section(heads)]),
    ...root.blocks.slice(0, last),
    ...(lines.length === 0 ? [] : [section(lines)]),
    ...buttonRow(incident.id, buttons),
    ...root.blocks.slice(last),
  ]);
}

/** One row of buttons, in the order of `ActionId`; none without any. Also for messages that page somebody. */
export function buttonRow(incidentId: string, buttons: readonly RootButton[]): SlackBlock[] {
  if (buttons.length === 0) return [];
  const order = ActionId.options;
  const sorted = buttons.toSorted((a, b) => order.indexOf(a.action) - order.indexOf(b.action));
  return [{ type: 'actions', elements: sorted.map((button) => toButton(incidentId, button)) }];
}

function toButton(incidentId: string, { action, version, confirm }: RootButton): SlackButton {
  const { label, style } = LABELS[action];
  const value: ButtonValue = { c: incidentId, v: version };
  return {
    type: 'button',
    action_id: action,
    text: plainText(label, 75),
    value: JSON.stringify(value),
    ...(style === undefined ? {} : { style }),
    ...(confirm === undefined
      ? {}
      : {
          confirm: {
            title: plainText(confirm.title, 100),
            text: plainText(confirm.text, 300),
            confirm: plainText(confirm.yes, 30),
            deny: plainText('Cancel', 30),
          },
        }),
  };
}
