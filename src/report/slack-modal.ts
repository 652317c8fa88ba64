/** Modals: a few fields below a few lines. */
import { z } from 'zod';
import { plainText, section } from './slack-blocks.ts';
import { ActionId } from './slack-buttons.ts';

export type ModalField =
  | { kind: 'text'; id: string; label: string; isOptional: boolean; placeholder?: string }
  | { kind: 'choice'; id: string; label: string; options: readonly { value: string; label: string }[] }
  | { kind: 'user'; id: string; label: string };

export type Modal = {
  /** At most 24 characters, as is `submit`. */
  title: string;
  submit: string;
  /** What stands above the fields; escaped mrkdwn. */
  lines: readonly string[];
  fields: readonly ModalField[];
};

/** What a modal brings back beside its fields: whose button opened it, and where. */
export const ModalOrigin = z.object({
  actionId: ActionId,
  incidentId: z.string().regex(/^M-\d{1,15}$/),
  version: z.int().min(0),
  channelId: z.string(),
  messageTs: z.string(),
  threadTs: z.string(),
});
export type ModalOrigin = z.infer<typeof ModalOrigin>;

/** `callback_id` of every modal of ours. */
export const MODAL_CALLBACK = 'memtriage_action';
/** What people type into one field, characters; longer text is refused by Slack's client. */
const MAX_TYPED = 500;

/** The view for `views.open`. */
export function renderModal({ title, submit, lines, fields }: Modal, origin: ModalOrigin): Record<string, unknown> {
  return {
    type: 'modal',
    callback_id: MODAL_CALLBACK,
    private_metadata: JSON.stringify(origin),
    title: plainText(title, 24),
    submit: plainText(submit, 24),
    close: plainText('Cancel', 24),
    blocks: [...(lines.length === 0 ? [] : [section(lines)]), ...fields.map(toInput)],
  };
}

function toInput(field: ModalField): Record<string, unknown> {
  return {
    type: 'input',
    block_id: field.id,
    label: plainText(field.label, 150),
    optional: field.kind === 'text' && field.isOptional,
    element: toElement(field),
  };
}

function toElement(field: ModalField): Record<string, unknown> {
  switch (field.kind) {
    case 'text': {
      const hint = field.placeholder === undefined ? {} : { placeholder: plainText(field.placeholder, 150) };
      return { type: 'plain_text_input', action_id: field.id, max_length: MAX_TYPED, ...hint };
    }
    case 'choice': {
      const options = field.options.map(({ value, label }) => ({ value, text: plainText(label, 75) }));
      return { type: 'static_select', action_id: field.id, options };
    }
    case 'user':
      return { type: 'users_select', action_id: field.id };
  }
}
