/** Labels that a message spells out: `service=checkout`, `*Service:* checkout`, `● Pod` and a code span. Pure. */
import { cut } from './bounded.ts';
import { plain } from './message-text.ts';

/** Label -> its values, in the order of reading: of two different ones nobody knows which it is about. */
export type SpelledLabels = ReadonlyMap<string, readonly string[]>;

/** Other spellings of a label by people and by tools. */
const ALIASES: Readonly<Record<string, string>> = {
  'service name': 'service',
  service_name: 'service',
  'pod name': 'pod',
  pod_name: 'pod',
  'container name': 'container',
  container_name: 'container',
};

const MAX_VALUES = 20;

/** `wanted`: the labels to look for; no others are taken, since any word may stand before a colon. */
export function readLabels(lines: readonly string[], wanted: readonly string[]): SpelledLabels {
  const names = new Map(wanted.map((name) => [name.toLowerCase(), name]));
  for (const [alias, name] of Object.entries(ALIASES)) {
    const known = names.get(name);
    if (known !== undefined && !names.has(alias)) names.set(alias, known);
  }
  const words = [...names.keys()].toSorted((a, b) => b.length - a.length).map(escapeRegExp);
  // A name, then a sign and perhaps space; or a name, space and a code span.
  const pair = new RegExp(`(?<![\\w./-])(${words.join('|')})[*"'_]{0,3}(?: ?[:=][*"'_]{0,3}( *)| +(?=\`))`, 'gi');
  const found = new Map<string, string[]>();
  for (const line of lines) {
    for (const match of line.matchAll(pair)) {
      const name = names.get((match[1] ?? '').toLowerCase());
      const value = valueAt(line.slice(match.index + match[0].length), match[2] === '');
      const values = found.get(name ?? '') ?? [];
      if (name === undefined || value === '' || values.includes(value) || values.length >= MAX_VALUES) continue;
      found.set(name, [...values, value]);
    }
  }
  return found;
}

/** `isTight`: nothing between sign and value, as in tags, where a space begins the next one. */
function valueAt(rest: string, isTight: boolean): string {
  const quoted = /^([`"'])([^`"']{1,300})\1/.exec(rest);
  if (quoted?.[2] !== undefined) return cut(quoted[2].trim());
  const value = isTight ? /^[^\s,;"'`*)}\]|]{1,300}/ : /^(?:(?! {2}| [-–—] )[^,;|•·●]){1,300}/;
  return cut(plain(value.exec(rest)?.[0] ?? '').replace(/^["']|["']$/g, ''));
}

function escapeRegExp(text: string): string {
  return text.replace(/[^\w ]/g, '\\$&');
}
