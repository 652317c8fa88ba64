import type { Logger } from 'pino';
import type { Failure } from '../errors.ts';

/** Logs a failure when it begins, changes or ends: not at every tick. `null`: all is well with that subject. */
export type TellOnce = (subject: string, failure: Failure | null) => void;

export function createTellOnce(logger: Logger): TellOnce {
  const told = new Map<string, string>();
  return (subject, failure) => {
    if (failure === null) {
      if (told.delete(subject)) logger.info({ subject }, 'works again');
      return;
    }
    if (told.get(subject) === failure.why) return;
    told.set(subject, failure.why);
    logger.warn({ subject, why: failure.why, tryThis: failure.tryThis }, 'does not work');
  };
}
