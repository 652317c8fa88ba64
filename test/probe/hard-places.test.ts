import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPythons } from '../support/pythons.ts';
import { PROBE_DIR } from './target.ts';

const PROGRAMS = fileURLToPath(new URL('./programs/', import.meta.url));
const pythons = findPythons();
/** The oldest and the newest; a sub-interpreter ends otherwise in each version. */
const ends = [...new Set([pythons.at(0), pythons.at(-1)])].filter((python) => python !== undefined);
let home = '';

/** Rejects where the process is killed, ends with a failure, or hangs. */
async function run(python: string, place: string): Promise<string> {
  const [program = '', name = ''] = place.split(' ');
  const env = { PATH: '', PYTHONPATH: PROBE_DIR, MEMTRIAGE_SOCKET_DIR: join(home, 's'), PYTHONWARNINGS: 'ignore' };
  const { stdout, stderr } = await promisify(execFile)(python, [join(PROGRAMS, program), name], {
    env,
    timeout: 15_000,
    killSignal: 'SIGKILL',
  });
  expect(stderr).toBe('');
  return stdout.trim();
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'mt-hard-'));
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

it.each(pythons)(
  'a sub-interpreter of CPython $version ends as without a probe, and the main one keeps its own',
  async ({ path }) => {
    expect(await run(path, 'hard_places.py sub_interpreter')).toMatch(/^None it is a sub-interpreter.*\nanswers True$/);
  },
);

describe.each(ends)('in CPython $version', ({ path }) => {
  it.each([
    [
      'a signal handler that forks amid the hooks of a fork does not wait for ever',
      'hard_places.py fork_in_handler',
      /^handlers True answers True$/,
    ],
    [
      'forks do not wait for a thread that no knock reaches',
      'hard_places.py fork_without_socket',
      /^fast answers True$/,
    ],
    ['without a free descriptor the thread does not spin', 'hard_places.py no_descriptors', /^idle answers True$/],
    ["a default timeout of the service's sockets is not the probe's", 'hard_places.py default_timeout', /^idle$/],
    [
      "the service's callbacks of the collector are not asked whether they are ours",
      'hard_places.py foreign_callback',
      /^listens True True$/,
    ],
    ['an address space with 40 MB left is left alone', 'hard_looks.py address_space', /^headroom headroom None$/],
    [
      'a process that can have no thread has no socket, and says why',
      'hard_places.py no_thread',
      /^None RuntimeError: can't start new thread \[\]$/,
    ],
    [
      'the links of a long bounded cache are not listed',
      'hard_looks.py bounded_caches',
      /^\(100, False\) \(100, True\)$/,
    ],
    ['a class that was seen dies with the last look', 'hard_looks.py short_lived_class', /^dead$/],
    ['names of 30 kB leave a reply that is read', 'hard_looks.py long_names', /^True True$/],
    [
      'entries of 300,000 objects are not listed whole',
      'hard_looks.py long_entries',
      /^answered True in time\ntraced False$/,
    ],
    [
      'a source that is a pipe does not hold up the end of the tracing',
      'hard_looks.py piped_source',
      /^answered True in time\ntraced False$/,
    ],
  ])('%s', async (_, place, told) => {
    expect(await run(path, place)).toMatch(told);
  });
});
