/** Secrets that can't be printed by accident: only `reveal()` gives the text. */

const REDACTED = '[redacted]';
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** A secret from the environment. `String(secret)`, JSON and `util.inspect` all give `[redacted]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [INSPECT](): string {
    return REDACTED;
  }
}

/** Slack's tokens by their prefixes (docs.slack.dev, "Token types"; `xoxe` is that of rotated ones). */
export const SLACK_TOKEN = /\bx(?:ox[a-z]|app|wfp)(?:\.xox[a-z])?-[A-Za-z0-9%-]{4,}/g;
const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{4,}/gi;
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']*@/gi;

/** `text` without Slack tokens, bearer tokens and the user part of URLs. */
export function redactTokens(text: string): string {
  return text.replace(SLACK_TOKEN, REDACTED).replace(BEARER, `$1 ${REDACTED}`).replace(URL_PASSWORD, `$1${REDACTED}@`);
}

/** A function that takes the given secrets, and everything that `redactTokens` knows, out of a text or a line of JSON. */
export function redactor(secrets: readonly Secret[]): (text: string) => string {
  const known = secrets
    .map((secret) => secret.reveal())
    // Shorter ones would tear words apart ("dev" is part of "device").
    .filter((value) => value.length >= 6)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)])
    .sort((a, b) => b.length - a.length);
  return (text) => redactTokens(known.reduce((rest, value) => rest.replaceAll(value, REDACTED), text));
}

/** The text of a percent-encoded part of a URL; as it stands where it can't be decoded, as with a bare `%`. */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
