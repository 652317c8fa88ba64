/** A message of another bot as an alert, or as none. Pure; the rule is written out in docs/alerts.md. */
import type { AlertKind } from '../incident/alert-tally.ts';
import { type Alert, KIND_LABEL, saidKind } from './alert.ts';
import { cut } from './bounded.ts';
import type { BotPost, ChannelEvent } from './channel-event.ts';
import { readLabels, type SpelledLabels } from './message-labels.ts';
import { stateByColor, stateByWords, titleOf } from './message-state.ts';
import { type MessageText, plain, readText } from './message-text.ts';
import { type Placed, placeAlert } from './place-alert.ts';

export type MessageReading =
  | { kind: 'alert'; alert: Alert }
  /** It is about memory, but of which service can't be told, or it is of none of ours. */
  | { kind: 'unplaced' }
  | { kind: 'no-alert' };

const NO_ALERT: MessageReading = { kind: 'no-alert' };

/** Labels that are of use whatever a service matches by. */
const KNOWN_LABELS = ['service', 'alertname', 'severity', 'reason', 'pod', 'container', 'namespace', 'instance'];
const NOTES = ['summary', 'description'];

/** In a title; a body explains, and explaining mentions much. `members`, `progress` and `room` are no such words. */
const MEMORY = /memory|(?<![A-Za-z])(?:rss|mem|leaks?|leaking|oom)(?![A-Za-z])/i;
/** In names of rules: `CheckoutRSSHigh`, `HostOOM`, `MemUsage`. */
const MEMORY_IN_NAME = /RSS|OOM|Leak(?![a-z])|Mem(?=[A-Z])/;
/** The kernel's, the kubelet's and people's words for a kill that was done. */
const OOM_KILL = /OOM[\s_-]?[Kk]ill|(?<![A-Za-z])oom[\s_-]?kill|out[\s-]of[\s-]memory[\s:-]{1,3}kill/i;
/** Beside such words: it was not done, or not yet. */
const NOT_DONE =
  /\b(?:may|might|will|could|would|can|soon|risk|before|prevent|avoid|no|not|without|likely|predicted|fix(?:e[sd])?)\b/i;

/**
 * An alert, when a title says in a template's words (or, beside labels of an alert, its colour) that something fires
 * or is over, when that title is about memory, and when exactly one service fits. Without a state, only an OOM kill in
 * the title together with the pod or container. `startsAt` is the message's own time with all its digits: one message
 * is one alert, however often it is delivered.
 */
export function readMessage<S extends Placed>(post: BotPost, services: Iterable<S>): MessageReading {
  const all = [...services];
  const text = readText(post.content);
  const labels = readLabels(text.lines, wantedLabels(all));
  const single = singleValues(labels);
  const state = stateByWords(text) ?? (isLabelledAsAlert(single) ? stateByColor(text) : null);
  const title = single['alertname'] ?? state?.title ?? titleOf(text.headlines[0] ?? '');
  const kind = kindOf(`${title} ${state?.title ?? ''}`, single);
  if (kind === null || (state === null && !isKillOfPod(kind, single, text))) return NO_ALERT;
  const service = serviceOf(all, labels, text);
  if (service === null) return { kind: 'unplaced' };
  const alert: Alert = {
    schema: 1,
    source: 'Slack',
    fingerprint: cut(JSON.stringify([post.channelId, post.botId, service.name, nameOfRule(title)])),
    status: state?.status ?? 'firing',
    startsAt: toTime(post.ts),
    kind,
    severity: single['severity'] ?? null,
    service: service.name,
    name: cut(title),
    summary: cut(noteOf(single, text, title)),
    labels: single,
  };
  return { kind: 'alert', alert: state === null ? { ...alert, isMoment: true } : alert };
}

/**
 * An edit is never a new alert, but may end the one that the message was: what it says now has to say so, what it was
 * about is what it said before.
 */
export function readEvent<S extends Placed>(event: ChannelEvent, services: Iterable<S>): MessageReading {
  if (event.kind === 'posted') return readMessage(event.post, services);
  const all = [...services];
  const now = readText(event.post.content);
  const state = stateByWords(now) ?? stateByColor(now);
  if (state?.status !== 'resolved') return NO_ALERT;
  const before = event.before === null ? NO_ALERT : readMessage({ ...event.post, content: event.before }, all);
  const read = before.kind === 'alert' ? before : readMessage(event.post, all);
  if (read.kind !== 'alert' || read.alert.isMoment === true) return NO_ALERT;
  return { kind: 'alert', alert: { ...read.alert, status: 'resolved' } };
}

function wantedLabels(services: readonly Placed[]): string[] {
  const matched = services.flatMap(({ alerts: { match } }) => Object.keys(match));
  return [...new Set([...KNOWN_LABELS, KIND_LABEL, ...NOTES, ...matched])];
}

/** Of a label with several values nobody knows which one counts. */
function singleValues(labels: SpelledLabels): Record<string, string> {
  return Object.fromEntries(
    [...labels].flatMap(([name, [value, ...others]]) =>
      value === undefined || others.length > 0 ? [] : [[name, value]],
    ),
  );
}

function isLabelledAsAlert(labels: Readonly<Record<string, string>>): boolean {
  return labels['alertname'] !== undefined || labels['severity'] !== undefined;
}

/** Null: it is not about memory. `title`: of the rule, and of the message. */
function kindOf(title: string, labels: Readonly<Record<string, string>>): AlertKind | null {
  const said = saidKind(labels);
  if (said !== null) return said;
  const isKill = labels['reason'] === 'OOMKilled' || OOM_KILL.test(title);
  if (isKill && !NOT_DONE.test(inWords(withoutLabels(title)))) return 'oom';
  return isKill || MEMORY.test(title) || MEMORY_IN_NAME.test(title) ? 'rss_growth' : null;
}

/** `ContainerWillBeOOMKilled` as words. */
function inWords(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2');
}

/** Bots that tell of moments, such as a killed pod, have no state; what they tell of it is set in labels. */
function isKillOfPod(kind: AlertKind, labels: Readonly<Record<string, string>>, { colors }: MessageText): boolean {
  const isGreen = stateByColor({ headlines: [], lines: [], colors })?.status === 'resolved';
  return kind === 'oom' && !isGreen && (labels['pod'] ?? labels['container']) !== undefined;
}

/** By its labels, as the catalogue says; else by the only name of a service that stands in it as a word of its own. */
function serviceOf<S extends Placed>(services: readonly S[], labels: SpelledLabels, text: MessageText): S | null {
  const said = (labels.get('service') ?? []).filter((value) => !value.includes(' '));
  const named = services.filter(({ name }) => said.some((value) => value.toLowerCase() === name.toLowerCase()));
  if (named.length > 0) return named.length === 1 && said.length === 1 ? (named[0] ?? null) : null;
  const single = singleValues(labels);
  const placed = placeAlert(services, { service: null, labels: single });
  if (placed !== null) return placed;
  // It names a service, and that is none of ours. PagerDuty's services have names like titles.
  if (said.some((value) => /^[a-z0-9]/.test(value))) return null;
  const words = text.lines.map(plain).join('\n');
  const mentioned = services.filter(({ name }) => isWordOf(words, name));
  return mentioned.length === 1 ? (mentioned[0] ?? null) : null;
}

/** `checkout`, and a pod of its Deployment (`checkout-7d4f9c6b5d-x2v7k`); not `checkout-worker`, `shop.checkout`. */
function isWordOf(text: string, name: string): boolean {
  const escaped = name.replace(/[^\w-]/g, '\\$&');
  // The letters that Kubernetes makes suffixes of.
  const suffix = '[bcdf-hj-np-tv-xz24-9]';
  return new RegExp(`(?<![\\w.-])${escaped}(?:-${suffix}{6,10}-${suffix}{5})?(?![\\w-]|\\.\\w)`).test(text);
}

/** The same while it fires and when it resolves: figures change, and so do the labels in brackets after a title. */
function nameOfRule(title: string): string {
  return withoutLabels(title).replace(/\d+/g, '#');
}

/** Alertmanager puts the labels that all its alerts share into brackets at the end. */
function withoutLabels(title: string): string {
  return title.replace(/\([^()]*\)\s*$/, '').trim();
}

function noteOf(labels: Readonly<Record<string, string>>, { lines }: MessageText, title: string): string {
  const note = labels['summary'] ?? labels['description'];
  if (note !== undefined) return note;
  const others = lines.map(plain).filter((line) => !line.includes(title) && /\p{L}{3,} \p{L}/u.test(line));
  return others[0] ?? '';
}

/** RFC 3339 with microseconds: as exact as the `ts` itself. */
export function toTime(ts: string): string {
  const [seconds, micros = '000000'] = ts.split('.');
  return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', `.${micros}Z`);
}
