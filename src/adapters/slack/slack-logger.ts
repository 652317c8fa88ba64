import { format } from 'node:util';
import { LogLevel, type Logger as SlackLogger } from '@slack/bolt';
import type { Logger } from 'pino';

/**
 * Bolt's idea of a logger over pino. The level is pino's alone: Bolt sets levels of its own on whatever it is given.
 * At `debug` Bolt prints whole payloads, answer URLs among them, so that goes to `trace`.
 */
export function toSlackLogger(logger: Logger): SlackLogger {
  return {
    debug: (...args: unknown[]) => logger.trace(...toRecord(args)),
    info: (...args: unknown[]) => logger.debug(...toRecord(args)),
    warn: (...args: unknown[]) => logger.warn(...toRecord(args)),
    error: (...args: unknown[]) => logger.error(...toRecord(args)),
    setLevel: () => {},
    getLevel: () => (logger.isLevelEnabled('trace') ? LogLevel.DEBUG : LogLevel.INFO),
    setName: () => {},
  };
}

function toRecord(args: unknown[]): [fields: { from: string; err?: Error }, message: string] {
  const err = args.find((arg) => arg instanceof Error);
  return [{ from: 'slack', ...(err === undefined ? {} : { err }) }, format(...args)];
}
