/** Text and labels from outside, cut to what is stored of them: a hostile value costs no more than a usual one. */
import { z } from 'zod';

/** Code units. Prometheus' own values are far below; Alertmanager's UI cuts at some hundred. */
const MAX_VALUE = 300;
const MAX_NAME = 100;
const MAX_LABELS = 64;
/** Of what tells alerts apart: cut like a value, the labels of two pods were the same text, and one of them was lost. */
export const MAX_IDENTITY = 2000;

/** A text of at most `max` code units that never ends in half a character. */
export function cut(text: string, max: number = MAX_VALUE): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** Any text, or null: what is of another type is as good as absent. */
export const OptionalText = z
  .string()
  .nullable()
  .optional()
  .catch(null)
  .transform((text) => text?.trim() || null);

/** Labels and annotations. Numbers and booleans become text, other values and surplus labels are left out. */
export const Labels = z
  .custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
  .nullish()
  .catch(null)
  .transform((labels) => {
    const entries = Object.entries(labels ?? {}).filter(([, value]) =>
      /^(?:string|number|boolean)$/.test(typeof value),
    );
    return Object.fromEntries(
      entries.slice(0, MAX_LABELS).map(([name, value]) => [cut(name, MAX_NAME), cut(String(value))]),
    );
  });

/** Alertmanager writes the year 1 where there is no time. Null: none, or not readable. */
export const OptionalTime = OptionalText.transform((text) => {
  const at = text === null ? Number.NaN : Date.parse(text);
  return at > 0 ? new Date(at).toISOString() : null;
});
