import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { MemoryRoom } from '../../analysis/look.ts';

/** Where the kernel accounts a process's memory. `path` is a directory of the mounted hierarchy. */
export type MemoryCgroup = { version: 1 | 2; path: string; mountPoint: string };

type Mount = { version: 1 | 2; root: string; mountPoint: string };

/** The memory cgroup of a process, v1 or v2; null when it is gone or no memory hierarchy is mounted here. */
export function readMemoryCgroup(pid: number): MemoryCgroup | null {
  const membership = read(`/proc/${pid}/cgroup`);
  const mountInfo = read('/proc/self/mountinfo');
  if (membership === null || mountInfo === null) return null;
  return locateMemoryCgroup(membership, mountInfo);
}

/**
 * Joins /proc/PID/cgroup with the mounts (cgroups(7)). A v1 memory controller wins: where it is mounted, the unified
 * hierarchy of the same machine carries no memory controller ("hybrid" layout).
 */
export function locateMemoryCgroup(membership: string, mountInfo: string): MemoryCgroup | null {
  const mounts = mountInfo.split('\n').flatMap(parseMount);
  for (const version of [1, 2] as const) {
    const path = membershipPath(membership, version);
    const mount = mounts.find((candidate) => candidate.version === version);
    if (path === null || mount === undefined) continue;
    // In a container the mount may show a subtree only; what lies above or beside it is not ours to see.
    const below = mount.root === '/' ? path : path.startsWith(mount.root) ? path.slice(mount.root.length) : '';
    const visible = below === '/' || below.includes('/..') ? '' : below;
    return { version, path: mount.mountPoint + visible, mountPoint: mount.mountPoint };
  }
  return null;
}

/**
 * The tightest memory limit of the cgroup and its ancestors, bytes; null when none is set.
 * A limit above the machine's memory limits nothing (v1's "unlimited" is 2^63 rounded to a page).
 */
export function readMemoryLimit(cgroup: MemoryCgroup): number | null {
  const file = cgroup.version === 2 ? 'memory.max' : 'memory.limit_in_bytes';
  let tightest = Number.POSITIVE_INFINITY;
  for (let path = cgroup.path; path.startsWith(cgroup.mountPoint); path = dirname(path)) {
    const limit = Number(read(`${path}/${file}`)?.trim());
    if (limit > 0) tightest = Math.min(tightest, limit);
  }
  return tightest < totalmem() ? tightest : null;
}

/**
 * What may still be charged to a process: the least room that its cgroup or an ancestor leaves, bytes; page cache that
 * the kernel drops before it kills counts as room. Null where none has a limit.
 * `killsGroup`: one of them has memory.oom.group set (v2; Kubernetes since 1.28): a kill takes the whole container.
 */
export function readMemoryRoom(cgroup: MemoryCgroup): MemoryRoom | null {
  const rooms: MemoryRoom[] = [];
  let killsGroup = false;
  for (let path = cgroup.path; path.startsWith(cgroup.mountPoint); path = dirname(path)) {
    killsGroup ||= read(`${path}/memory.oom.group`)?.trim() === '1';
    const room = readRoom(cgroup.version, path);
    if (room !== null) rooms.push(room);
  }
  const tightest = rooms.toSorted((a, b) => a.headroomBytes - b.headroomBytes)[0];
  return tightest === undefined ? null : { ...tightest, killsGroup, oomKills: readOomKills(cgroup) };
}

function readRoom(version: 1 | 2, path: string): MemoryRoom | null {
  const [limitFile, usageFile, cacheField] =
    version === 2
      ? ['memory.max', 'memory.current', 'inactive_file']
      : ['memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'];
  const limitBytes = Number(read(`${path}/${limitFile}`)?.trim());
  const usage = Number(read(`${path}/${usageFile}`)?.trim());
  if (!(limitBytes > 0 && limitBytes < totalmem()) || Number.isNaN(usage)) return null;
  const cache = new RegExp(`^${cacheField} (\\d+)$`, 'm').exec(read(`${path}/memory.stat`) ?? '')?.[1];
  return { limitBytes, headroomBytes: limitBytes - usage + Number(cache ?? 0), killsGroup: false, oomKills: null };
}

/** Processes that the OOM killer took from this cgroup since it was made; null when it is gone. */
export function readOomKills(cgroup: MemoryCgroup): number | null {
  const text = read(`${cgroup.path}/${cgroup.version === 2 ? 'memory.events' : 'memory.oom_control'}`);
  const match = text === null ? null : /^oom_kill (\d+)$/m.exec(text);
  return match?.[1] === undefined ? null : Number(match[1]);
}

function membershipPath(membership: string, version: 1 | 2): string | null {
  for (const line of membership.split('\n')) {
    const [hierarchy, controllers, ...path] = line.split(':');
    const fits = version === 2 ? hierarchy === '0' : controllers?.split(',').includes('memory') === true;
    if (fits && path.length > 0) return path.join(':');
  }
  return null;
}

/** `31 23 0:28 ROOT MOUNTPOINT options [tags…] - TYPE source superoptions`, proc(5). */
function parseMount(line: string): Mount[] {
  const [before = '', after = ''] = line.split(' - ');
  const [, , , root, mountPoint] = before.split(' ');
  const [type, , options = ''] = after.split(' ');
  if (root === undefined || mountPoint === undefined) return [];
  if (type === 'cgroup2') return [{ version: 2, root, mountPoint }];
  return type === 'cgroup' && options.split(',').includes('memory') ? [{ version: 1, root, mountPoint }] : [];
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
