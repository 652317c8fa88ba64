import type { Mappings } from '../../analysis/look.ts';

/**
 * Text of /proc/<pid>/smaps -> resident bytes by kind of mapping. Sums of Rss lines, which add up to the process's RSS
 * exactly, while VmRSS is batched by the kernel (off by 0.2 to 2 %).
 *
 * A thread's stack is an anonymous mapping right above a guard page: that can be seen without the right to ptrace.
 */
export function parseSmaps(text: string): Mappings {
  const sums: Mappings = { anonymousBytes: 0, fileBytes: 0, stackBytes: 0, sharedBytes: 0, swapBytes: 0 };
  let kind: keyof Mappings = 'anonymousBytes';
  let previous: Mapping | null = null;
  for (const line of text.split('\n')) {
    if (line.startsWith('Rss:')) sums[kind] += kibibytes(line);
    else if (line.startsWith('Swap:')) sums.swapBytes += kibibytes(line);
    else {
      const mapping = parseHeader(line);
      if (mapping === null) continue;
      kind = kindOf(mapping, previous);
      previous = mapping;
    }
  }
  return sums;
}

type Mapping = { start: number; end: number; permissions: string; path: string };

function parseHeader(line: string): Mapping | null {
  const match = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+\s*(.*)$/.exec(line);
  if (match === null) return null;
  const [, start = '', end = '', permissions = '', path = ''] = match;
  return { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16), permissions, path };
}

const SHARED_MEMORY = ['/dev/shm', '/SYSV', '/memfd:', '/dev/zero'];

function kindOf(mapping: Mapping, below: Mapping | null): keyof Mappings {
  const { path, permissions } = mapping;
  if (path === '[stack]') return 'stackBytes';
  if (path === '[heap]' || path.startsWith('[anon:')) return 'anonymousBytes';
  if (SHARED_MEMORY.some((prefix) => path.startsWith(prefix))) return 'sharedBytes';
  if (path !== '') return 'fileBytes';
  if (permissions[3] === 's') return 'sharedBytes';
  return isStack(mapping, below) ? 'stackBytes' : 'anonymousBytes';
}

/** The default of `ulimit -s` is 8 MiB; a larger mapping above a guard is more likely an arena. */
const LARGEST_STACK_BYTES = 64 * 1024 * 1024;
/** glibc's guard is one page; a malloc arena's reserve, the other unreadable mapping, is megabytes. */
const LARGEST_GUARD_BYTES = 64 * 1024;

function isStack(mapping: Mapping, below: Mapping | null): boolean {
  if (below === null || below.end !== mapping.start || below.path !== '') return false;
  const isGuard = below.permissions.startsWith('---') && below.end - below.start <= LARGEST_GUARD_BYTES;
  return isGuard && mapping.permissions.startsWith('rw') && mapping.end - mapping.start <= LARGEST_STACK_BYTES;
}

function kibibytes(line: string): number {
  return Number.parseInt(line.slice(line.indexOf(':') + 1), 10) * 1024;
}
