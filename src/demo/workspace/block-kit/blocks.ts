/** Blocks and their limits (docs.slack.dev/reference/block-kit, slackblocks spec/limits.json), by the surface that takes them. */
import { z } from 'zod';
import { DataVisualization } from './data-visualization.ts';
import {
  Accessory,
  ActionsElement,
  Button,
  ContextActionsElements,
  ContextElement,
  ImageElement,
  InputElement,
} from './elements.ts';
import { anyText, few, Id, imageSource, limited, mrkdwn, plainText, Url } from './text.ts';

const block = { block_id: Id.optional() };
const RichTextElement = z.looseObject({
  type: z.enum(['rich_text_section', 'rich_text_list', 'rich_text_quote', 'rich_text_preformatted']),
  elements: z.array(z.looseObject({ type: z.string() })),
});

const RichText = z.strictObject({ type: z.literal('rich_text'), ...block, elements: z.array(RichTextElement) });
const Actions = z.strictObject({ type: z.literal('actions'), ...block, elements: few(ActionsElement, 25) });
const Context = z.strictObject({ type: z.literal('context'), ...block, elements: few(ContextElement, 10) });
const ContextActions = z.strictObject({
  type: z.literal('context_actions'),
  ...block,
  elements: ContextActionsElements,
});
const Divider = z.strictObject({ type: z.literal('divider'), ...block });
const File = z.strictObject({
  type: z.literal('file'),
  ...block,
  source: z.literal('remote'),
  external_id: z.string(),
});
const Header = z.strictObject({ type: z.literal('header'), ...block, text: plainText(150) });
const Image = z.strictObject({
  type: z.literal('image'),
  ...block,
  alt_text: limited(2000),
  title: plainText(2000).optional(),
  ...imageSource,
});
const Input = z.strictObject({
  type: z.literal('input'),
  ...block,
  label: plainText(2000),
  hint: plainText(2000).optional(),
  optional: z.boolean().optional(),
  dispatch_action: z.boolean().optional(),
  element: InputElement,
});
const Markdown = z.strictObject({ type: z.literal('markdown'), ...block, text: limited(12_000) });
const Section = z
  .strictObject({
    type: z.literal('section'),
    ...block,
    text: anyText(3000).optional(),
    fields: few(anyText(2000), 10).optional(),
    accessory: Accessory.optional(),
    expand: z.boolean().optional(),
  })
  .refine(({ text, fields }) => text !== undefined || fields !== undefined, { error: 'missing required field: text' });
const Video = z.looseObject({
  type: z.literal('video'),
  ...block,
  video_url: Url,
  thumbnail_url: Url,
  alt_text: z.string(),
});

const Cell = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('raw_text'), text: z.string() }),
  z.looseObject({ type: z.literal('raw_number') }),
  RichText,
]);
const Table = z.strictObject({
  type: z.literal('table'),
  ...block,
  rows: few(few(Cell, 20), 100),
  column_settings: z.array(z.looseObject({}).nullable()).max(20, { error: 'no more than 20 items allowed' }).optional(),
});
const DataTable = z.strictObject({
  type: z.literal('data_table'),
  ...block,
  caption: limited(2000),
  rows: few(few(Cell, 20), 101),
  page_size: z.number().int().min(1).max(100).optional(),
  row_header_column_index: z.number().int().min(0).optional(),
});

const Alert = z.strictObject({
  type: z.literal('alert'),
  ...block,
  text: anyText(200),
  level: z.enum(['default', 'info', 'warning', 'error', 'success']).optional(),
});
const Card = z.strictObject({
  type: z.literal('card'),
  ...block,
  hero_image: ImageElement.optional(),
  icon: ImageElement.optional(),
  title: mrkdwn(150).optional(),
  subtitle: mrkdwn(150).optional(),
  body: mrkdwn(200).optional(),
  actions: few(Button, 3).optional(),
});
const Carousel = z.strictObject({ type: z.literal('carousel'), ...block, elements: few(Card, 10) });

const TaskCard = z.strictObject({
  type: z.literal('task_card'),
  ...block,
  task_id: limited(255),
  title: limited(2000),
  details: RichText.optional(),
  output: RichText.optional(),
  sources: z.array(z.looseObject({ type: z.literal('url') })).optional(),
  status: z.enum(['pending', 'in_progress', 'complete', 'error']),
});
const Plan = z.strictObject({
  type: z.literal('plan'),
  ...block,
  title: limited(2000),
  tasks: z.array(TaskCard).optional(),
});

const nestable = [Actions, Context, Divider, File, Header, Image, RichText, Section, Table, Video] as const;
const Container = z.strictObject({
  type: z.literal('container'),
  ...block,
  title: plainText(150).optional(),
  rich_text_title: RichText.optional(),
  subtitle: anyText(150).optional(),
  child_blocks: few(z.discriminatedUnion('type', [...nestable, Input]), 10),
  width: z.enum(['narrow', 'standard', 'wide', 'full']).optional(),
  icon: ImageElement.optional(),
  is_collapsible: z.boolean().optional(),
  default_collapsed: z.boolean().optional(),
  has_header_divider: z.boolean().optional(),
});

const everywhere = [...nestable, Input, Markdown] as const;
const inMessages = [Carousel, Card, Container, ContextActions, DataTable, DataVisualization, Plan, TaskCard] as const;

export const MessageBlocks = z
  .array(z.discriminatedUnion('type', [...everywhere, ...inMessages]))
  .max(50, { error: 'no more than 50 items allowed' });

const viewBlocks = z
  .array(z.discriminatedUnion('type', [...everywhere, Alert]))
  .max(100, { error: 'no more than 100 items allowed' });
const homeBlocks = z
  .array(z.discriminatedUnion('type', [...everywhere, Card, Carousel]))
  .max(100, { error: 'no more than 100 items allowed' });

const viewFields = {
  callback_id: z.string().max(255).optional(),
  private_metadata: z.string().max(3000, { error: 'must be less than 3001 characters' }).optional(),
  external_id: z.string().max(255).optional(),
};

export const ViewContent = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('modal'),
    ...viewFields,
    title: plainText(24),
    submit: plainText(24).optional(),
    close: plainText(24).optional(),
    clear_on_close: z.boolean().optional(),
    notify_on_close: z.boolean().optional(),
    submit_disabled: z.boolean().optional(),
    blocks: viewBlocks,
  }),
  z.strictObject({ type: z.literal('home'), ...viewFields, blocks: homeBlocks }),
]);
