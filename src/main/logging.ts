/** Logs go to stderr: JSON for machines, lines for people at a terminal. No secret passes, whatever field it hides in. */
import { type DestinationStream, type Logger, pino } from 'pino';
import { redactor, type Secret } from '../config/secret.ts';
import type { LogLevel } from './environment.ts';

export type LoggingOptions = {
  level: LogLevel;
  /** What must never be shown, besides everything that looks like a token. */
  secrets?: readonly Secret[];
  /** Default: stderr, written at once, so that the last words of a crash are not lost. */
  destination?: DestinationStream;
  /** Lines for people instead of JSON. Default: whether stderr is a terminal. */
  pretty?: boolean;
};

export function createLogger(options: LoggingOptions): Logger {
  const { level, secrets = [], destination = toStderr() } = options;
  const pretty = options.pretty ?? process.stderr.isTTY;
  const redact = redactor(secrets);
  const write = (line: string): void => {
    // On the finished line: a secret may hide in a message, a field's name, a stack or a nested object.
    destination.write(redact(pretty ? prettyLine(line) : line));
  };
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelName } },
    { write },
  );
}

/** What waits while stderr takes nothing; beyond it lines are dropped. Bytes. */
const MAX_WAITING = 1024 * 1024;

/** A full disk behind stderr costs the log, not the process that logs. */
function toStderr(): DestinationStream {
  const stderr = pino.destination({ fd: 2, sync: true, maxLength: MAX_WAITING });
  stderr.on('error', () => {});
  return stderr;
}

function levelName(level: string): { level: string } {
  return { level };
}

/** `10:00:00.123 warn  Redis connection lost  attempt=2`; a stack goes below. A line that is no JSON stays as it is. */
function prettyLine(line: string): string {
  const { level, time, msg, err, ...fields } = parseLine(line);
  if (typeof time !== 'string' || typeof level !== 'string') return line;
  const stack = isRecord(err) ? `\n  ${textOf(err['stack'] ?? err['message']).replaceAll('\n', '\n  ')}` : '';
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${textOf(value)}`);
  return `${time.slice(11, 23)} ${level.padEnd(5)} ${textOf(msg ?? '')}${rest.length > 0 ? ' ' : ''}${rest.join('')}${stack}\n`;
}

function parseLine(line: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(line);
    return isRecord(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
