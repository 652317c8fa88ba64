/** Interactive elements and their limits (docs.slack.dev/reference/block-kit, slackblocks spec/limits.json). */
import { z } from 'zod';
import {
  anyText,
  Confirm,
  few,
  Id,
  imageSource,
  limited,
  OneOption,
  OptionGroups,
  Options,
  plainText,
  Url,
} from './text.ts';

const interactive = { action_id: Id.optional(), confirm: Confirm.optional(), focus_on_load: z.boolean().optional() };
const placeholder = plainText(150).optional();

export const Button = z.strictObject({
  type: z.literal('button'),
  text: plainText(75),
  action_id: Id.optional(),
  url: Url.optional(),
  value: limited(2000).optional(),
  style: z.enum(['primary', 'danger']).optional(),
  confirm: Confirm.optional(),
  accessibility_label: limited(75).optional(),
});

export const ImageElement = z.strictObject({ type: z.literal('image'), alt_text: limited(2000), ...imageSource });

const Overflow = z.strictObject({ type: z.literal('overflow'), ...interactive, options: Options(5) });
const RadioButtons = z.strictObject({
  type: z.literal('radio_buttons'),
  ...interactive,
  options: Options(10),
  initial_option: OneOption.optional(),
});
const Checkboxes = z.strictObject({
  type: z.literal('checkboxes'),
  ...interactive,
  options: Options(10),
  initial_options: Options(10).optional(),
});

const StaticSelect = z.strictObject({
  type: z.literal('static_select'),
  ...interactive,
  placeholder,
  options: Options(100).optional(),
  option_groups: OptionGroups.optional(),
  initial_option: OneOption.optional(),
});
const MultiStaticSelect = z.strictObject({
  type: z.literal('multi_static_select'),
  ...interactive,
  placeholder,
  options: Options(100).optional(),
  option_groups: OptionGroups.optional(),
  initial_options: Options(100).optional(),
  max_selected_items: z.number().int().min(1).optional(),
});
const PeopleSelect = z.looseObject({
  type: z.enum([
    'users_select',
    'conversations_select',
    'channels_select',
    'external_select',
    'multi_users_select',
    'multi_conversations_select',
    'multi_channels_select',
    'multi_external_select',
  ]),
  ...interactive,
  placeholder,
});
const Pickers = z.looseObject({ type: z.enum(['datepicker', 'timepicker', 'datetimepicker']), ...interactive });

const PlainTextInput = z.strictObject({
  type: z.literal('plain_text_input'),
  action_id: Id.optional(),
  placeholder,
  initial_value: z.string().optional(),
  multiline: z.boolean().optional(),
  min_length: z.number().int().min(0).max(3000).optional(),
  max_length: z.number().int().min(1).max(3000).optional(),
  dispatch_action_config: z.looseObject({}).optional(),
  focus_on_load: z.boolean().optional(),
});
const OtherInputs = z.looseObject({
  type: z.enum(['number_input', 'email_text_input', 'url_text_input', 'file_input', 'rich_text_input']),
  action_id: Id.optional(),
  placeholder,
});

const choices = [Overflow, RadioButtons, Checkboxes, StaticSelect, MultiStaticSelect, PeopleSelect, Pickers] as const;

export const ActionsElement = z.discriminatedUnion('type', [Button, ...choices]);
export const Accessory = z.discriminatedUnion('type', [Button, ImageElement, ...choices]);
export const InputElement = z.discriminatedUnion('type', [PlainTextInput, OtherInputs, ...choices.slice(1)]);
export const ContextElement = z.union([anyText(3000), ImageElement]);

const FeedbackButton = z.strictObject({
  text: plainText(75),
  value: limited(2000),
  accessibility_label: limited(75).optional(),
});
const FeedbackButtons = z.strictObject({
  type: z.literal('feedback_buttons'),
  action_id: Id.optional(),
  positive_button: FeedbackButton,
  negative_button: FeedbackButton,
});
const IconButton = z.looseObject({
  type: z.literal('icon_button'),
  icon: z.string(),
  text: plainText(75),
  action_id: Id.optional(),
});
export const ContextActionsElements = few(z.discriminatedUnion('type', [FeedbackButtons, IconButton]), 5);
