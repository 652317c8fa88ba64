import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, EXIT_UNAVAILABLE } from '../errors.ts';
import { childEnvironment } from '../main/environment.ts';
import type { Closers } from '../main/shutdown.ts';
import { end } from './checkout-service.ts';

export type Roles = {
  /** The result of the work, or the error of a role that ended meanwhile: nobody would answer any more. */
  orFail<T>(work: Promise<T>): Promise<T>;
};

/** Starts `memtriage bot` and `memtriage collector` as processes of their own, as an operator does. */
export async function startRoles(options: {
  configFile: string;
  /** Given to the bot only. */
  slackEnvironment: Readonly<Record<string, string>>;
  /** Directory of their logs. */
  logs: string;
  closers: Closers;
}): Promise<Roles> {
  const { configFile, slackEnvironment, logs, closers } = options;
  const base = { ...childEnvironment(), MEMTRIAGE_CONFIG: configFile };
  const collector = await startRole('collector', base, logs);
  closers.add('collector', () => end(collector));
  const bot = await startRole('bot', { ...base, ...slackEnvironment, PORT: '0' }, logs);
  closers.add('bot', () => end(bot));
  const endings = [ended('bot', bot, logs), ended('collector', collector, logs)];
  for (const ending of endings) ending.catch(() => {});
  return { orFail: (work) => Promise.race([work, ...endings]) };
}

async function startRole(role: string, env: NodeJS.ProcessEnv, logs: string): Promise<ChildProcess> {
  const log = await open(join(logs, `${role}.log`), 'w');
  try {
    return spawn(process.execPath, [process.argv[1] ?? '', role], { env, stdio: ['ignore', 'ignore', log.fd] });
  } finally {
    await log.close();
  }
}

async function ended(role: string, child: ChildProcess, logs: string): Promise<never> {
  await once(child, 'exit');
  throw new CommandError(
    EXIT_UNAVAILABLE,
    `the ${role} ended before the report was there`,
    `Read ${join(logs, `${role}.log`)}.`,
  );
}
