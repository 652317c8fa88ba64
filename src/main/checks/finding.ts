import { CommandError, EXIT_CONFIG, EXIT_UNAVAILABLE, type Failure, messageOf } from '../../errors.ts';

/** What `doctor` found out about one thing. */
export type CheckFinding =
  | { level: 'ok'; what: string }
  | { level: 'warn'; what: string; toDo: string }
  | { level: 'fail'; what: string; toDo: string; exitCode: typeof EXIT_CONFIG | typeof EXIT_UNAVAILABLE };

export function good(what: string): CheckFinding {
  return { level: 'ok', what };
}

export function warning(what: string, toDo: string): CheckFinding {
  return { level: 'warn', what, toDo };
}

export function wrongConfiguration(what: string, toDo: string): CheckFinding {
  return { level: 'fail', what, toDo, exitCode: EXIT_CONFIG };
}

export function unavailable(what: string, toDo: string): CheckFinding {
  return { level: 'fail', what, toDo, exitCode: EXIT_UNAVAILABLE };
}

/** A command's end as a finding; what nobody expected is one too, so that the other checks still run. */
export function fromError(error: unknown): CheckFinding {
  if (!(error instanceof CommandError)) return unavailable(messageOf(error), 'Please report this as a bug');
  const isConfig = error.exitCode === EXIT_CONFIG;
  return (isConfig ? wrongConfiguration : unavailable)(error.message, error.tryThis);
}

/** `inconclusive`: it works, but there is nothing to see yet. */
export function fromFailure(about: string, failure: Failure): CheckFinding {
  const what = `${about}: ${failure.why}`;
  if (failure.outcome === 'inconclusive') return warning(what, failure.tryThis);
  return failure.who === 'operator' ? wrongConfiguration(what, failure.tryThis) : unavailable(what, failure.tryThis);
}
