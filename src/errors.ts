/**
 * Who must act on a failure: the `user` who typed something, the `operator` of memtriage,
 * an `upstream` system that is down or refuses, or `us` (our bug).
 */
export type Blame = 'user' | 'operator' | 'upstream' | 'us';

/** What was expected to go wrong and did. Values, not exceptions: a step that fails is a line in the report. */
export type Failure = {
  /** `inconclusive`: it could not be measured, or the data can't carry an answer. `error`: something is broken. */
  outcome: 'inconclusive' | 'error';
  who: Blame;
  /** One sentence without a full stop, plain text: what happened. */
  why: string;
  /** One sentence: what the person named by `who` can try. */
  tryThis: string;
};

export type Outcome<T> = { outcome: 'ok'; value: T } | Failure;

export function ok<T>(value: T): Outcome<T> {
  return { outcome: 'ok', value };
}

export function inconclusive(who: Blame, why: string, tryThis: string): Failure {
  return { outcome: 'inconclusive', who, why, tryThis };
}

export function failed(who: Blame, why: string, tryThis: string): Failure {
  return { outcome: 'error', who, why, tryThis };
}

/** Exit codes of `sysexits.h`, as contract of the command line. */
export const EXIT_USAGE = 64;
export const EXIT_DATA = 65;
export const EXIT_UNAVAILABLE = 69;
export const EXIT_BUG = 70;
export const EXIT_CONFIG = 78;

/** Ends a command: thrown by the roles in `main/`, printed once by the command line with its cure. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  readonly tryThis: string;

  constructor(exitCode: number, message: string, tryThis: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.tryThis = tryThis;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
