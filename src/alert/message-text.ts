/** Text of a Slack message wherever a bot put it (text, blocks, attachments, fields), bounded and without markup. Pure. */
import { z } from 'zod';
import type { MessageContent } from './channel-event.ts';

export type MessageText = {
  /** First lines of its parts, in the order of reading: where templates put their title. */
  headlines: readonly string[];
  /** All lines, first lines included. */
  lines: readonly string[];
  /** Of its attachments, as Slack delivers them: lower case, without `#`. */
  colors: readonly string[];
};

/** Code units in all: alerts have some hundred, and a hostile message of a megabyte must cost no more than they do. */
const MAX_TEXT = 16_000;
const MAX_PIECE = 4000;
const MAX_PARTS = 200;
const MAX_DEPTH = 6;

const Text = z.string().nullish().catch(null);
const Attachment = z.object({
  pretext: Text,
  title: Text,
  text: Text,
  fallback: Text,
  color: Text,
  fields: z
    .array(z.object({ title: Text, value: Text }))
    .nullish()
    .catch(null),
  blocks: z.array(z.unknown()).nullish().catch(null),
});
const Node = z.object({
  type: Text,
  text: z.unknown().optional(),
  fields: z.array(z.unknown()).nullish().catch(null),
  elements: z.array(z.unknown()).nullish().catch(null),
});

export function readText({ text, blocks, attachments }: MessageContent): MessageText {
  const attached = (attachments ?? []).slice(0, MAX_PARTS).flatMap((one) => Attachment.safeParse(one).data ?? []);
  const pieces = [
    text ?? '',
    ...textsOf(blocks ?? [], 0),
    ...attached.flatMap(({ pretext, title, text: body, fields, blocks: inner, fallback }) => [
      pretext ?? '',
      title ?? '',
      ...textsOf(inner ?? [], 0),
      body ?? '',
      ...(fields ?? []).slice(0, MAX_PARTS).map((field) => `${field.title ?? ''}: ${field.value ?? ''}`),
      fallback ?? '',
    ]),
  ];
  const parts = bounded(pieces).map((piece) => toLines(piece));
  return {
    headlines: parts.flatMap(([first]) => first ?? []),
    lines: parts.flat(),
    colors: attached.flatMap(({ color }) => color?.toLowerCase().replace('#', '') ?? []),
  };
}

function bounded(pieces: readonly string[]): string[] {
  let left = MAX_TEXT;
  const kept: string[] = [];
  for (const piece of pieces) {
    if (piece === '' || left <= 0 || kept.length >= MAX_PARTS) continue;
    kept.push(piece.slice(0, Math.min(left, MAX_PIECE)));
    left -= piece.length;
  }
  return kept;
}

/** Texts of blocks of any kind, in order; the pieces of one rich text are one text. */
function textsOf(nodes: readonly unknown[], depth: number): string[] {
  if (depth > MAX_DEPTH) return [];
  return nodes.slice(0, MAX_PARTS).flatMap((node) => {
    const { data } = Node.safeParse(node);
    if (data === undefined) return [];
    const { type, text, fields, elements } = data;
    const own = typeof text === 'string' ? [text] : textsOf([text], depth + 1);
    const inner = textsOf(elements ?? [], depth + 1);
    const joined = /^rich_text_(?:section|preformatted|quote)$/.test(type ?? '') ? [inner.join('')] : inner;
    return [...own, ...textsOf(fields ?? [], depth + 1), ...joined];
  });
}

/** Emphasis stays: what stands in a code span or in bold is a value or a state. */
function toLines(piece: string): string[] {
  return (
    withoutLinks(piece)
      .replace(/&lt;/g, '<')
      .replace(/&gt;/g, '>')
      .replace(/&amp;/g, '&')
      .replace(/[\p{Cc}\p{Cf}]/gu, (point) => (point === '\n' ? point : ' '))
      .replace(/(?<!\w):[a-z0-9_+-]{2,40}:(?!\w)/g, ' ')
      // `*Service:*` and its value are two lines of one field.
      .replace(/([:=][*_]{0,2}) *\n/g, '$1 ')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
  );
}

/** Addresses name hosts and paths, mentions people: neither says what an alert is about. */
function withoutLinks(piece: string): string {
  return piece
    .replace(/<(?:https?|mailto):[^|<>]{0,2000}\|([^<>]{0,500})>/g, '$1')
    .replace(/<(?:https?:|mailto:|[@#!])[^<>]{0,2000}>/g, ' ')
    .replace(/https?:\/\/\S+/g, ' ');
}

/** Without emphasis, for people and for words. */
export function plain(line: string): string {
  return line
    .replace(/[*`~]/g, '')
    .replace(/\s{2,}/g, ' ')
    .trim();
}
