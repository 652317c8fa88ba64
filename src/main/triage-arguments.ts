import { parseArgs } from 'node:util';
import { CommandError, EXIT_USAGE, messageOf } from '../errors.ts';
import { parseDuration } from '../units.ts';

export type TriageArguments = {
  target: { service: string } | { pid: number };
  json: boolean;
  sinceSeconds: number;
  /** Sample for this long first where there is no history; 0: don't. */
  watchSeconds: number;
  takeSnapshot: boolean;
  /** May a process without a probe get one: the person who names a process consents to it. */
  attach: boolean;
  /** May a forked child of the process read its whole heap; of a service, its configuration says so. */
  fork: boolean;
};

const USAGE =
  'Use `memtriage triage SERVICE|--pid PID [--json] [--since 6h] [--watch 60s] [--no-snapshot]`; with --pid also [--no-attach] [--fork].';
const DEFAULT_SINCE = '24h';
/** Without history there is nothing to say of growth: a lone process is watched for a minute unless told otherwise. */
const DEFAULT_WATCH_OF_PID = '60s';

/** Throws a CommandError (64) that shows the right words. */
export function parseTriageArguments(args: readonly string[]): TriageArguments {
  const { values, positionals } = parse(args);
  const [service, ...rest] = positionals;
  const isPid = values.pid !== undefined;
  if (rest.length > 0 || isPid === (service !== undefined)) throw new CommandError(EXIT_USAGE, 'wrong words', USAGE);
  if (!isPid && values.fork === true)
    throw new CommandError(EXIT_USAGE, '--fork is for --pid', 'Of a service, set `snapshot: { fork: true }`.');
  if (!isPid && values['no-attach'] === true)
    throw new CommandError(EXIT_USAGE, '--no-attach is for --pid', 'Of a service, set `snapshot: { attach: false }`.');
  const watch = values.watch ?? (isPid ? DEFAULT_WATCH_OF_PID : '0s');
  return {
    target: service === undefined ? { pid: readPid(values.pid ?? '') } : { service },
    json: values.json === true,
    sinceSeconds: readSince(values.since ?? DEFAULT_SINCE),
    watchSeconds: readWatch(watch),
    takeSnapshot: values['no-snapshot'] !== true,
    attach: isPid && values['no-attach'] !== true,
    fork: values.fork === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        pid: { type: 'string' },
        json: { type: 'boolean' },
        since: { type: 'string' },
        watch: { type: 'string' },
        'no-snapshot': { type: 'boolean' },
        'no-attach': { type: 'boolean' },
        fork: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new CommandError(EXIT_USAGE, messageOf(error), USAGE);
  }
}

function readDuration(option: string, text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== null) return seconds;
  throw new CommandError(EXIT_USAGE, `${option} ${text} is not a duration`, 'Write 90s, 30m, 6h or 1d.');
}

function readSince(text: string): number {
  const seconds = readDuration('--since', text);
  if (seconds > 0) return seconds;
  throw new CommandError(EXIT_USAGE, `--since ${text} leaves nothing to look at`, 'Write 90s, 30m, 6h or 1d.');
}

/** Nothing is kept for longer by default, and no timer reaches much further. Seconds. */
const LONGEST_WATCH = 7 * 86_400;

function readWatch(text: string): number {
  const seconds = readDuration('--watch', text);
  if (seconds <= LONGEST_WATCH) return seconds;
  throw new CommandError(EXIT_USAGE, `--watch ${text} is more than 7d`, 'Write 90s, 30m, 6h or 1d.');
}

function readPid(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CommandError(EXIT_USAGE, `--pid ${text} is not the number of a process`, USAGE);
}
