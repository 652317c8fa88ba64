import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseRunbook } from '../config/parse-runbook.ts';
import { renderProblems } from '../config/problems.ts';
import { CommandError, EXIT_CONFIG, messageOf } from '../errors.ts';
import { Symptom } from '../incident/incident.ts';
import { type Runbook, selectRunbook } from '../runbook/runbook.ts';

/** The runbooks that ship with memtriage. */
const OWN_DIRECTORY = fileURLToPath(new URL('../../runbooks', import.meta.url));

/**
 * Every `*.yaml` of the directory (null: memtriage's own), in the order of their names. Throws a CommandError (78) with
 * every problem of every file, or when a symptom has no runbook.
 */
export async function loadRunbooks(directory: string | null): Promise<Runbook[]> {
  const from = directory ?? OWN_DIRECTORY;
  const names = await readdir(from).catch((error: unknown) => {
    throw new CommandError(
      EXIT_CONFIG,
      `the runbooks in ${from} can't be read: ${messageOf(error)}`,
      'Check `runbooks` in the configuration.',
    );
  });
  const runbooks: Runbook[] = [];
  const problems: string[] = [];
  for (const name of names.filter((each) => /\.ya?ml$/.test(each)).sort()) {
    const file = join(from, name);
    const parsed = parseRunbook(await readFile(file, 'utf8'));
    if ('runbook' in parsed) runbooks.push(parsed.runbook);
    else problems.push(renderProblems(file, parsed.problems));
  }
  if (problems.length > 0) {
    throw new CommandError(EXIT_CONFIG, `runbooks have problems:\n${problems.join('\n')}`, 'Correct the lines above.');
  }
  requireEverySymptom(runbooks, from);
  return runbooks;
}

function requireEverySymptom(runbooks: readonly Runbook[], directory: string): void {
  const anyService = { name: '', runbook: null };
  const missing = Symptom.options.filter((symptom) => selectRunbook(runbooks, anyService, symptom) === null);
  if (missing.length === 0) return;
  const cure = 'Copy `runbooks/memory.yaml` of memtriage there, or list the symptoms in one that is for every service.';
  throw new CommandError(EXIT_CONFIG, `no runbook in ${directory} is for ${missing.join(', ')}`, cure);
}
