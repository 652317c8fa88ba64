import { fileURLToPath } from 'node:url';

/** The one directory that goes on a target's PYTHONPATH. The same from the sources and from the build. */
export function probePath(): string {
  return fileURLToPath(new URL('../../src/probe', import.meta.url));
}

/** `memtriage probe-path`. */
export async function probePathCommand(): Promise<number> {
  process.stdout.write(`${probePath()}\n`);
  return await Promise.resolve(0);
}
