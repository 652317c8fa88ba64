/** `memtriage doctor`: checks configuration and every connection, one line each, and says what to do about each failure. */
import { dirname } from 'node:path';
import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import { redactor } from '../config/secret.ts';
import { CommandError, EXIT_CONFIG, EXIT_UNAVAILABLE, EXIT_USAGE } from '../errors.ts';
import { type CheckFinding, fromError, good } from './checks/finding.ts';
import { checkOnCall } from './checks/on-call.ts';
import { checkRedis } from './checks/redis.ts';
import { checkPrometheus, checkPython, checkRunbooks, checkSecrets, checkSockets } from './checks/services.ts';
import { checkSlack, type UsedChannels } from './checks/slack.ts';
import { type Environment, readEnvironment } from './environment.ts';
import { loadConfig } from './load-config.ts';

type Stdout = { write(text: string): unknown };

export async function doctorCommand(args: readonly string[]): Promise<number> {
  if (args.length > 0)
    throw new CommandError(EXIT_USAGE, '`memtriage doctor` takes no arguments', 'See `memtriage help`.');
  return await runDoctor({ environment: readEnvironment(), stdout: process.stdout });
}

/**
 * Writes `ok|warn|fail  what — what to do`, one line a check, as the answers come. 0 when nothing failed, 78 when
 * something must be corrected in configuration or environment, 69 when something that is needed does not answer.
 */
export async function runDoctor({
  environment,
  stdout,
}: {
  environment: Environment;
  stdout: Stdout;
}): Promise<number> {
  const redact = redactor(environment.secrets);
  const exitCodes = new Set<number>();
  const tell = (findings: readonly CheckFinding[]): void => {
    for (const finding of findings) {
      if (finding.level === 'fail') exitCodes.add(finding.exitCode);
      stdout.write(redact(toLine(finding)));
    }
  };
  const config = await loadConfig(environment).catch((error: unknown) => {
    tell([fromError(error)]);
    return null;
  });
  if (config !== null) tell([good(summary(config))]);
  const redisUrl = environment.redisUrl?.reveal() ?? null;
  tell(await checkRedis(redisUrl, dirname(environment.configFile), config === null ? [] : sitesOf(config)));
  tell(await checkSlack(environment, config === null ? { posted: [], read: [] } : channelsOf(config)));
  tell([await checkPython()]);
  if (config !== null) await tellOfConfigured(config, environment, tell);
  if (exitCodes.has(EXIT_CONFIG)) return EXIT_CONFIG;
  return exitCodes.size > 0 ? EXIT_UNAVAILABLE : 0;
}

async function tellOfConfigured(
  config: Config,
  environment: Environment,
  tell: (findings: readonly CheckFinding[]) => void,
): Promise<void> {
  tell(checkSecrets(config, environment));
  tell(await checkRunbooks(config));
  tell(await checkPrometheus(config, pino({ level: 'silent' })));
  for (const service of config.services.values()) tell(checkSockets(service));
  for (const team of config.teams.values()) tell(await checkOnCall(team, environment, Date.now()));
}

function toLine(finding: CheckFinding): string {
  const [first = '', ...more] = finding.what.split(/:?\n/);
  const toDo = finding.level === 'ok' ? '' : ` — ${finding.toDo}`;
  // Several problems of one file stand below what they are about, and the cure beside it.
  return `${[`${finding.level.padEnd(4)}  ${first}${toDo}`, ...more].join('\n      ')}\n`;
}

function summary({ file, services, teams }: Config): string {
  const count = (size: number, what: string): string => `${size} ${what}${size === 1 ? '' : 's'}`;
  return `configuration ${file}: ${count(services.size, 'service')}, ${count(teams.size, 'team')}`;
}

/** Sites whose services have sockets: those that a collector must be running on. */
function sitesOf({ services }: Config): string[] {
  return [...new Set([...services.values()].flatMap(({ site, sockets }) => (sockets === null ? [] : [site])))];
}

function channelsOf({ slack, services, teams }: Config): UsedChannels {
  const all = [slack.channel, ...[...services.values(), ...teams.values()].map(({ channel }) => channel)];
  return { posted: [...new Set(all.flatMap((channel) => channel ?? []))], read: slack.readAlerts };
}
