import { readFileSync } from 'node:fs';

export type HostMemory = { availableBytes: number; totalBytes: number };

/** What the kernel would give to new work without swapping (`MemAvailable`), and all there is; null where it can't be told. */
export function readHostMemory(): HostMemory | null {
  try {
    return parseMemInfo(readFileSync('/proc/meminfo', 'utf8'));
  } catch {
    return null;
  }
}

/** proc(5): `MemAvailable:   20292 kB`, in KiB in spite of its name; since Linux 3.14. */
export function parseMemInfo(text: string): HostMemory | null {
  const bytesOf = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024;
  const [availableBytes, totalBytes] = [bytesOf('MemAvailable'), bytesOf('MemTotal')];
  return availableBytes >= 0 && totalBytes > 0 ? { availableBytes, totalBytes } : null;
}
