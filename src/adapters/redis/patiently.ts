import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { CommandError, EXIT_UNAVAILABLE, messageOf } from '../../errors.ts';

/** A Redis that is started again is back within seconds; a role that can't begin by then says so to its supervisor. */
const PATIENCE_MS = 30_000;
const AGAIN_MS = 500;

/**
 * What a role does with Redis while it starts, again until Redis answers. Only for what is safe to repeat.
 * Throws a CommandError (69) after half a minute, and the work's own CommandErrors at once.
 */
export async function patiently<T>(work: () => Promise<T>, logger: Logger): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof CommandError) throw error;
      const why = messageOf(error);
      if (Date.now() > end) {
        throw new CommandError(EXIT_UNAVAILABLE, `Redis did not answer: ${why}`, 'Check that it runs.', {
          cause: error,
        });
      }
      logger.warn({ why }, 'Redis does not answer while starting; waiting for it');
      await wait(AGAIN_MS);
    }
  }
}
