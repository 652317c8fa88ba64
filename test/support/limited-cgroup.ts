import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { type MemoryCgroup, readMemoryCgroup, readMemoryLimit } from '../../src/adapters/procfs/cgroup.ts';

/** A cgroup of our own below the one we run in, with a limit of memory; null where we may not make one. */
export function makeCgroup(limitBytes: number): MemoryCgroup | null {
  const own = readMemoryCgroup(process.pid);
  if (own === null) return null;
  const path = `${own.version === 1 ? own.mountPoint : own.path}/memtriage-test-${process.pid}`;
  try {
    mkdirSync(path);
    const made = { ...own, path };
    setLimit(made, limitBytes);
    return readMemoryLimit(made) === limitBytes ? made : null;
  } catch {
    return null;
  }
}

export function setLimit({ version, path }: MemoryCgroup, limitBytes: number): void {
  writeFileSync(`${path}/${version === 1 ? 'memory.limit_in_bytes' : 'memory.max'}`, String(limitBytes));
}

/** The kernel lets go of a cgroup some moments after its last process. */
export async function removeCgroup(path: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return rmdirSync(path);
    } catch (error) {
      if (attempt >= 100) throw error;
      await wait(100);
    }
  }
}
