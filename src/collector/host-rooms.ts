/** How much more memory this machine could give to each service: for whoever thinks of raising a limit. */
import { dirname } from 'node:path';
import { type MemoryCgroup, readMemoryRoom } from '../adapters/procfs/cgroup.ts';
import { readHostMemory } from '../adapters/procfs/host-memory.ts';
import type { Instance } from './instance.ts';

/** A look reads some files for each cgroup; the room of a machine is no matter of seconds. */
const LOOK_EVERY_MS = 30_000;

export type ServiceRoom = {
  service: string;
  instances: number;
  /** How many limits these have: those of one cgroup share one. */
  limits: number;
  /** What is available on the machine, or less where a cgroup around theirs leaves less. */
  roomBytes: number;
};
/** `ageSeconds`: since it was read. Null: it can't be told here. */
export type HostRooms = { ageSeconds: number; totalBytes: number; services: ServiceRoom[] } | null;

/** Looks at most every 30 s. */
export function createHostRooms(live: () => readonly Instance[], now: () => number): () => HostRooms {
  let last: { atMs: number; seen: Seen } | null = null;
  return () => {
    const nowMs = now();
    if (last === null || nowMs - last.atMs >= LOOK_EVERY_MS) last = { atMs: nowMs, seen: lookAtRooms(live()) };
    return last.seen === null ? null : { ...last.seen, ageSeconds: (nowMs - last.atMs) / 1000 };
  };
}

type Seen = Omit<NonNullable<HostRooms>, 'ageSeconds'> | null;

function lookAtRooms(live: readonly Instance[]): Seen {
  const memory = readHostMemory();
  if (memory === null) return null;
  const names = [...new Set(live.map(({ service }) => service))];
  const services = names.map((service) => {
    const own = live.filter((instance) => instance.service === service);
    const cgroups = new Map(own.flatMap(({ cgroup }) => (cgroup === null ? [] : [[cgroup.path, cgroup] as const])));
    const around = [...cgroups.values()].flatMap((cgroup) => roomAround(cgroup) ?? []);
    const limits = new Set(own.map(limitOf)).size;
    const roomBytes = Math.max(0, Math.min(memory.availableBytes, ...around));
    return { service, instances: own.length, limits, roomBytes };
  });
  return { totalBytes: memory.totalBytes, services };
}

function limitOf({ cgroup, limitBytes, instance }: Instance): string {
  return cgroup !== null && limitBytes !== null ? cgroup.path : instance;
}

/** Without its own limit, which is the one to be raised. */
function roomAround(cgroup: MemoryCgroup): number | null {
  return readMemoryRoom({ ...cgroup, path: dirname(cgroup.path) })?.headroomBytes ?? null;
}
