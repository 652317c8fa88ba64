#!/usr/bin/env node
/** `memtriage <command>`: argv -> one role or one-shot command, and its exit code. */
import { CommandError, EXIT_BUG, EXIT_UNAVAILABLE, EXIT_USAGE } from '../errors.ts';

const USAGE = `memtriage: on-call bot for the memory of Python services

  memtriage bot                     Slack, alerts, triage jobs; any number of replicas
  memtriage collector [--site NAME] samples the processes of its site, looks into them
  memtriage triage SERVICE [--json] [--since 6h] [--watch 60s] [--no-snapshot]
  memtriage triage --pid PID ...    the same for one process of this machine that no configuration knows;
                                    also [--no-attach] [--fork]
  memtriage analyze FILE|- [--json] recorded RSS series in, verdicts out
  memtriage baseline show|set|revert SERVICE
  memtriage replay SERVICE [--since 14d] [--policy FILE] [--json]
                                    the alarms that the policy would have raised on the recorded memory
  memtriage doctor                  checks configuration and every connection
  memtriage probe-path              the directory for a target's PYTHONPATH
  memtriage demo                    the whole system on this machine, nothing to configure

Exit codes of triage and analyze: 0 healthy, 1 warning, 2 critical, 3 inconclusive.
Everywhere: 64 wrong usage, 78 wrong configuration, 69 something needed is unavailable, 70 our bug.
`;

type Command = (args: readonly string[]) => Promise<number>;

/** Loaded one at a time: `probe-path` must not pay for Bolt. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  bot: async () => (await import('./bot.ts')).botCommand,
  collector: async () => (await import('./collector-command.ts')).collectorCommand,
  triage: async () => (await import('./triage-command.ts')).triageCommand,
  analyze: async () => (await import('./analyze.ts')).analyzeCommand,
  baseline: async () => (await import('./baseline-command.ts')).baselineCommand,
  replay: async () => (await import('./replay-command.ts')).replayCommand,
  doctor: async () => (await import('./doctor.ts')).doctorCommand,
  'probe-path': async () => (await import('./probe-path.ts')).probePathCommand,
  demo: async () => (await import('../demo/demo.ts')).demoCommand,
};

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const isAsked = name !== undefined;
    (isAsked ? process.stdout : process.stderr).write(USAGE);
    return isAsked ? 0 : EXIT_USAGE;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined)
    throw new CommandError(EXIT_USAGE, `there is no command ${JSON.stringify(name)}`, 'See `memtriage help`.');
  if (isHelp(args)) {
    process.stdout.write(USAGE);
    return 0;
  }
  const command = await load();
  return await command(args);
}

/** What comes after `--` is a name, whatever it looks like. */
function isHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).some((word) => word === '--help' || word === '-h');
}

/** As shells have it for a program whose reader went away, such as `head`. */
const EXIT_UNREAD = 141;

/** Node's own answer to all three is 1, which says "warning" of what was looked at. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_UNREAD);
  process.stderr.write(`memtriage: the results can't be written: ${error.message}\n`);
  process.exit(EXIT_UNAVAILABLE);
});
process.stderr.on('error', () => {});
process.on('uncaughtException', (thrown) => process.exit(tellBug(thrown)));

function tellBug(thrown: unknown): number {
  const stack = thrown instanceof Error ? thrown.stack : String(thrown);
  process.stderr.write(`memtriage: this is a bug, please report it\n${stack}\n`);
  return EXIT_BUG;
}

/** What a library still holds open after everything was closed (a worker whose Redis is away) must not hold us up. */
const LINGER_MS = 3000;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (thrown) {
  if (thrown instanceof CommandError) {
    process.stderr.write(`memtriage: ${thrown.message}\n${thrown.tryThis}\n`);
    process.exitCode = thrown.exitCode;
  } else {
    process.exitCode = tellBug(thrown);
  }
}
setTimeout(() => process.exit(), LINGER_MS).unref();
