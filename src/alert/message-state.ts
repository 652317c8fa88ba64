/** Does a message say that something fires, or that it is over? By the words and colours of the usual templates. Pure. */
import { type MessageText, plain } from './message-text.ts';

/** `title`: what stands beside the state: the alert's name, and often what it is about. */
export type MessageState = { status: 'firing' | 'resolved'; title: string };

const FIRING = ['firing', 'alerting', 'triggered', 're-triggered', 'retriggered', 'problem', 'alarm', 'alert'];
const RESOLVED = ['resolved', 'recovered', 'recovery', 'ok', 'closed'];
const WORDS = [...FIRING, ...RESOLVED].join('|');

/**
 * Where templates put their state, at the beginning of a title and set apart from it, so that a sentence that begins
 * with such a word is none. In brackets: Alertmanager `[FIRING:2]`, Grafana `[Alerting]`. In bold or as code:
 * PagerDuty, Robusta. Before a sign: Datadog `Triggered:` and `Triggered on {…}:`, Zabbix `Resolved in 5m:`, PagerDuty
 * `Triggered #12:`. In capitals: templates with `toUpper`.
 */
const PLACES: readonly RegExp[] = [
  new RegExp(`^\\[ ?(${WORDS})(?![\\w-])[^\\]]{0,60}\\](.*)$`, 'i'),
  new RegExp(`^[*\`]{1,2}(?:prometheus )?(?:alert )?(${WORDS})[:.]?[*\`]{1,2}(.*)$`, 'i'),
  new RegExp(`^[*\`]?(${WORDS})(?: #\\d+| on \\{[^}]{0,300}\\}| in [\\w ]{1,20})?[*\`]?(?: ?[:|]| [-–—] )(.*)$`, 'i'),
  new RegExp(`^(${WORDS.toUpperCase()}) (.*)$`),
];

/** What stands before the title: severities as code or in brackets, numbers of incidents, signs and pictures. */
const BEFORE_TITLE = /^(?:[^\p{L}\p{N}`[]+|`[\w -]{1,20}`|\[P?\d\]|#\d+:?)+/u;

/** Nothing, or a severity alone. */
const NO_TITLE = /^(?:critical|high|medium|low|warning|info)?$/i;

/**
 * Slack's own names for `danger` and `good` as it delivers them, and the colours of Grafana and Robusta (sources:
 * their notifiers). Orange and the like say nothing about the state.
 */
const COLORS: Readonly<Record<string, MessageState['status']>> = {
  danger: 'firing',
  a30200: 'firing',
  d63232: 'firing',
  ef311f: 'firing',
  good: 'resolved',
  '2eb886': 'resolved',
  '36a64f': 'resolved',
  '00b302': 'resolved',
};

/** By its words; null: none of its titles says. */
export function stateByWords({ headlines, lines }: MessageText): MessageState | null {
  for (const headline of headlines) {
    const bare = headline.replace(/^[^\p{L}\p{N}[*`]+/u, '');
    for (const place of PLACES) {
      const [, word, rest = ''] = place.exec(bare) ?? [];
      if (word === undefined) continue;
      const status = FIRING.includes(word.toLowerCase()) ? 'firing' : 'resolved';
      const title = titleOf(rest);
      // Robusta's state has a line of its own.
      return { status, title: NO_TITLE.test(title) ? titleOf(lines[lines.indexOf(headline) + 1] ?? '') : title };
    }
  }
  return null;
}

/** By the colour of its first coloured part; null: it has none that says. */
export function stateByColor({ headlines, colors }: MessageText): MessageState | null {
  const status = colors.flatMap((color) => COLORS[color] ?? [])[0];
  return status === undefined ? null : { status, title: titleOf(headlines[0] ?? '') };
}

/** Plain, without what stands before it. */
export function titleOf(line: string): string {
  return plain(line.replace(BEFORE_TITLE, ''));
}
