import { z } from 'zod';

/** The length of a text as Slack counts it. */
export function codePoints(text: string): number {
  return Array.from(text).length;
}

/** A string of 1 to `max` characters, counted as Slack counts them: Unicode code points. */
export function limited(max: number, min = 1) {
  return z
    .string()
    .refine((text) => codePoints(text) <= max, { error: `must be less than ${max + 1} characters` })
    .refine((text) => text.length >= min, { error: `must be more than ${min - 1} characters` });
}

export function plainText(max: number) {
  return z.strictObject({ type: z.literal('plain_text'), text: limited(max), emoji: z.boolean().optional() });
}

export function mrkdwn(max: number) {
  return z.strictObject({ type: z.literal('mrkdwn'), text: limited(max), verbatim: z.boolean().optional() });
}

export function anyText(max: number) {
  return z.discriminatedUnion('type', [plainText(max), mrkdwn(max)]);
}

/** Between 1 and `max` items. */
export function few<T extends z.ZodType>(item: T, max: number) {
  return z
    .array(item)
    .min(1, { error: 'no fewer than 1 items allowed' })
    .max(max, { error: `no more than ${max} items allowed` });
}

export const Id = limited(255);
export const Url = limited(3000);

const Option = z.strictObject({
  text: anyText(75),
  value: limited(150),
  description: anyText(75).optional(),
  url: Url.optional(),
});

export const Options = (max: number) => few(Option, max);
export const OneOption = Option;
export const OptionGroups = few(z.strictObject({ label: plainText(75), options: few(Option, 100) }), 100);

export const Confirm = z.strictObject({
  title: plainText(100),
  text: anyText(300),
  confirm: plainText(30),
  deny: plainText(30),
  style: z.enum(['primary', 'danger']).optional(),
});

const slackFile = z.union([z.strictObject({ id: z.string() }), z.strictObject({ url: Url })]);
export const imageSource = { image_url: Url.optional(), slack_file: slackFile.optional() };
