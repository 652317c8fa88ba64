import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Config } from '../config/config.ts';
import { parseConfig } from '../config/parse.ts';
import { renderProblems } from '../config/problems.ts';
import { CommandError, EXIT_CONFIG, messageOf } from '../errors.ts';
import type { Environment } from './environment.ts';

/** The configuration that the environment names. Throws a CommandError (78) with every problem and its place. */
export async function loadConfig({ configFile }: Pick<Environment, 'configFile'>): Promise<Config> {
  const text = await readFile(configFile, 'utf8').catch((error: unknown) => {
    throw unreadable(configFile, error);
  });
  const parsed = parseConfig(text.replace(/^\uFEFF/, ''), configFile);
  if ('config' in parsed) return parsed.config;
  const count = parsed.problems.length === 1 ? 'one problem' : `${parsed.problems.length} problems`;
  throw new CommandError(
    EXIT_CONFIG,
    `the configuration has ${count}:\n${renderProblems(shown(configFile), parsed.problems)}`,
    'Correct the lines above; `memtriage doctor` checks the file again.',
  );
}

function unreadable(file: string, error: unknown): CommandError {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  if (!isMissing) {
    const cure = 'Make the file readable for the user that memtriage runs as.';
    return new CommandError(EXIT_CONFIG, `${shown(file)} can't be read: ${messageOf(error)}`, cure);
  }
  return new CommandError(
    EXIT_CONFIG,
    `there is no configuration file ${shown(file)}`,
    'Write one (the README has an example), set MEMTRIAGE_CONFIG to its path, or see it all work with `npm run demo`.',
  );
}

/** As short as the reader would type it. */
function shown(file: string): string {
  const near = relative('', file);
  return near === '' || near.startsWith('..') ? file : near;
}
