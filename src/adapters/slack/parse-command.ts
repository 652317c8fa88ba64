/** The text after `/memtriage`, or after a mention of the bot, as what the person wants. Pure; never throws. */
import { MAX_SILENCE_SECONDS } from '../../incident/silence.ts';
import { parseDuration } from '../../units.ts';

export type SlackCommand =
  | { kind: 'triage'; service: string; sinceSeconds: number | null; takeSnapshot: boolean }
  | { kind: 'help' }
  | { kind: 'list' }
  | { kind: 'status'; incident: string | null }
  | { kind: 'baseline'; verb: 'show' | 'set' | 'revert'; service: string }
  | { kind: 'silence'; service: string; seconds: number; reason: string }
  | { kind: 'silence-list' }
  | { kind: 'silence-end'; service: string }
  | { kind: 'history'; service: string }
  | { kind: 'oncall' }
  | { kind: 'postmortem'; incident: string }
  /** `tryThis`: a command that would have been understood. Plain text. */
  | { kind: 'misread'; why: string; tryThis: string };

/** Slack cuts commands far earlier; a mention may be as long as a message. */
const MAX_COMMAND_LENGTH = 2000;
/** One label more than the longest DNS name leaves room for `namespace/workload`. */
const MAX_SERVICE_LENGTH = 300;
const BASELINE_VERBS = ['show', 'set', 'revert'] as const;

/** `since` must lie between one minute and 30 days: below there are no two samples, above no recorder keeps them. */
const MIN_SINCE_SECONDS = 60;
const MAX_SINCE_SECONDS = 30 * 86_400;

/** A word that is no verb is the name of a service: `/memtriage checkout`. */
export function parseCommand(text: string): SlackCommand {
  const words = toWords(text);
  const [first, ...rest] = words;
  if (first === undefined) return { kind: 'help' };
  switch (first.toLowerCase()) {
    case 'help':
    case '?':
      return rest.length === 0 ? { kind: 'help' } : parseTriage(words);
    case 'list':
      return rest.length === 0 ? { kind: 'list' } : parseTriage(words);
    case 'oncall':
      return rest.length === 0 ? { kind: 'oncall' } : parseTriage(words);
    case 'status':
      return parseStatus(rest);
    case 'postmortem': {
      // With anything but a case id after it, it is the name of a service.
      const incident = rest.length === 1 ? toCaseId(rest[0]) : null;
      return incident === null ? parseTriage(words) : { kind: 'postmortem', incident };
    }
    case 'baseline':
      return parseBaseline(rest);
    case 'history':
      return parseHistory(rest);
    case 'silence':
      return parseSilence(rest);
    case 'triage':
      return rest.length === 0 ? misread('a service is missing', 'checkout') : parseTriage(rest);
    default:
      return parseTriage(words);
  }
}

function parseTriage(words: readonly string[]): SlackCommand {
  let sinceSeconds: number | null = null;
  let takeSnapshot = true;
  const names: string[] = [];
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (word === '--no-snapshot') {
      takeSnapshot = false;
    } else if (word === '--since' || word.startsWith('--since=')) {
      const value = word === '--since' ? (words[(i += 1)] ?? '') : word.slice('--since='.length);
      const seconds = parseDuration(value);
      if (seconds === null || seconds < MIN_SINCE_SECONDS || seconds > MAX_SINCE_SECONDS) {
        return misread(`--since takes a time between 1m and 30d, found "${value}"`, 'checkout --since 6h');
      }
      sinceSeconds = seconds;
    } else if (word.startsWith('--')) {
      return misread(`the option ${word} is not known`, 'checkout --since 6h --no-snapshot');
    } else {
      names.push(word);
    }
  }
  const [service, extra] = names;
  if (service === undefined) return misread('a service is missing', 'checkout');
  if (service.length > MAX_SERVICE_LENGTH) return misread('that is too long for the name of a service', 'list');
  if (extra !== undefined) return oneAtATime(extra, service);
  return { kind: 'triage', service, sinceSeconds, takeSnapshot };
}

function parseHistory([service, extra]: readonly string[]): SlackCommand {
  if (service === undefined) return misread('a service is missing', 'history checkout');
  return extra === undefined ? { kind: 'history', service } : oneAtATime(extra, `history ${service}`);
}

function parseStatus([id, extra]: readonly string[]): SlackCommand {
  if (id === undefined) return { kind: 'status', incident: null };
  if (extra !== undefined) return misread(`one case at a time, found "${extra}" as well`, 'status M-12');
  const incident = toCaseId(id);
  return incident === null ? misread(`"${id}" is no case id`, 'status M-12') : { kind: 'status', incident };
}

function toCaseId(text: string | undefined): string | null {
  const number = /^m-?(\d{1,12})$/i.exec(text ?? '')?.[1];
  return number === undefined ? null : `M-${Number(number)}`;
}

function parseBaseline([verb, service, extra]: readonly string[]): SlackCommand {
  const known = BASELINE_VERBS.find((name) => name === verb?.toLowerCase());
  if (known === undefined) {
    return misread('baseline takes show, set or revert', `baseline show ${service ?? verb ?? 'checkout'}`);
  }
  if (service === undefined) return misread('a service is missing', `baseline ${known} checkout`);
  if (extra !== undefined) return oneAtATime(extra, `baseline ${known} ${service}`);
  return { kind: 'baseline', verb: known, service };
}

function parseSilence([service, duration, ...reason]: readonly string[]): SlackCommand {
  const example = `silence ${service ?? 'checkout'} 2h known batch run`;
  if (service === undefined) return misread('a service is missing', example);
  const verb = service.toLowerCase();
  const seconds = parseDuration(duration ?? '');
  // With a duration and a reason after them, they are names of services.
  const isName = seconds !== null && reason.length > 0;
  if (verb === 'list' && !isName) {
    return duration === undefined ? { kind: 'silence-list' } : misread(`found "${duration}" as well`, 'silence list');
  }
  if (verb === 'end' && !isName) {
    if (duration === undefined) return misread('a service is missing', 'silence end checkout');
    const [extra] = reason;
    return extra === undefined
      ? { kind: 'silence-end', service: duration }
      : oneAtATime(extra, `silence end ${duration}`);
  }
  if (seconds === null || seconds <= 0) return misread('a duration such as 2h is missing', example);
  if (seconds < MIN_SINCE_SECONDS || seconds > MAX_SILENCE_SECONDS) {
    return misread('a silence lasts between 1m and 7d', example);
  }
  if (reason.length === 0) return misread('a reason is missing', example);
  return { kind: 'silence', service, seconds, reason: reason.join(' ') };
}

/** Also for what would be ignored: whoever wrote it meant something by it. */
function oneAtATime(extra: string, tryThis: string): SlackCommand {
  return misread(`one service at a time, found "${extra}" as well`, tryThis);
}

function misread(why: string, tryThis: string): SlackCommand {
  return { kind: 'misread', why, tryThis };
}

/** Quotes, code marks and what phones and Slack make of names are taken off; what is left is split at white space. */
function toWords(text: string): string[] {
  return (
    text
      .slice(0, MAX_COMMAND_LENGTH)
      .replace(/<[#@!]([^<>|]*)\|?([^<>]*)>/gu, (_, id: string, label: string) => label || id)
      .replace(
        /<(?:https?:\/\/|mailto:)([^<>|]*)\|?([^<>]*)>/gu,
        (_, address: string, label: string) => label || address,
      )
      .replace(/&amp;/g, '&')
      .replace(/&lt;/g, '<')
      .replace(/&gt;/g, '>')
      // An em or en dash at the start of a word is what phones make of two hyphens; elsewhere it was one.
      .replace(/(^|\s)[\u2012-\u2015](?=\p{L})/gu, '$1--')
      .replace(/[\u2010-\u2015\u2212]/gu, '-')
      .replace(/[\p{Cf}]/gu, '')
      .replace(/[\p{Cc}\p{Cs}]/gu, ' ')
      .split(/\s+/u)
      .map((word) => word.replace(/^["'`\u2018-\u201f\u00ab\u00bb*]+|["'`\u2018-\u201f\u00ab\u00bb*]+$/gu, ''))
      .filter((word) => word !== '')
  );
}
