import { fileURLToPath } from 'node:url';
import { CommandError, EXIT_USAGE } from '../errors.ts';

/** The one directory that goes on a target's PYTHONPATH. The same from the sources and from the build. */
export function probePath(): string {
  return fileURLToPath(new URL('../../src/probe', import.meta.url));
}

/** `memtriage probe-path`. */
export async function probePathCommand(args: readonly string[]): Promise<number> {
  if (args.length > 0)
    throw new CommandError(EXIT_USAGE, '`memtriage probe-path` takes no arguments', 'See `memtriage help`.');
  process.stdout.write(`${probePath()}\n`);
  return await Promise.resolve(0);
}
