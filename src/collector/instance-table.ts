import { readOwner, readProcess } from '../adapters/procfs/process.ts';
import { type Failure, failed } from '../errors.ts';
import { type Instance, refreshInstance, toInstance } from './instance.ts';
import { belongsTo, listSockets, removeStale, type SocketEntry } from './socket-directory.ts';

export type SampledService = { name: string; sockets: string };

/** Live processes of one service that are sampled: the series of more would drown a triage and Redis. */
export const MAX_LIVE_INSTANCES = 500;

/** What one look at a service's directory and processes brought. */
export type TablePass = { born: Instance[]; ended: Instance[]; failure: Failure | null };

export interface InstanceTable {
  service: string;
  live(): readonly Instance[];
  find(instance: string): Instance | null;
  /** Reads every process, drops those that are gone, finds new ones by their sockets. */
  pass(): TablePass;
  /** A process known from before our start: sampled on when it still lives; null when it is gone. */
  adopt(instance: string): Instance | null;
}

/** The live processes of one service, by the sockets that their probes made. */
export function createInstanceTable({ name, sockets }: SampledService): InstanceTable {
  const table = new Map<string, Instance>();
  /** Sockets of no process here that could not be removed: not asked again. */
  const foreign = new Set<string>();

  function consider(entry: SocketEntry): { born: Instance } | { failure: Failure } | null {
    const known = table.get(entry.instance);
    if (known !== undefined) {
      known.socketPath = entry.socketPath;
      return null;
    }
    const reading = readProcess(entry.pid);
    if (reading === null || reading.startTicks !== entry.startTicks) {
      if (!foreign.has(entry.instance)) void removeStale(entry);
      foreign.add(entry.instance);
      return null;
    }
    if (table.size >= MAX_LIVE_INSTANCES) return { failure: crowded(name) };
    if (!belongsTo(entry, readOwner(entry.pid))) return { failure: stranger(entry) };
    const born = toInstance(name, reading, entry.socketPath);
    table.set(born.instance, born);
    return { born };
  }

  function discover(): { born: Instance[]; failure: Failure | null } {
    const listed = listSockets(sockets);
    if (listed.outcome !== 'ok') return { born: [], failure: listed };
    const names = new Set(listed.value.map(({ instance }) => instance));
    for (const instance of foreign) if (!names.has(instance)) foreign.delete(instance);
    const seen = listed.value.flatMap((entry) => consider(entry) ?? []);
    return {
      born: seen.flatMap((one) => ('born' in one ? one.born : [])),
      failure: seen.flatMap((one) => ('failure' in one ? one.failure : []))[0] ?? null,
    };
  }

  return {
    service: name,
    live: () => [...table.values()],
    find: (instance) => table.get(instance) ?? null,
    pass() {
      const ended = [...table.values()].filter((instance) => !refreshInstance(instance));
      for (const { instance } of ended) table.delete(instance);
      return { ...discover(), ended };
    },
    adopt(instance) {
      const known = table.get(instance);
      if (known !== undefined) return known;
      const reading = readProcess(Number(instance.split('.')[0]));
      if (reading === null || `${reading.pid}.${reading.startTicks}` !== instance) return null;
      const adopted = toInstance(name, reading, null);
      table.set(instance, adopted);
      return adopted;
    },
  };
}

function crowded(service: string): Failure {
  return failed(
    'operator',
    `${service} has more than ${MAX_LIVE_INSTANCES} live processes; the others are not sampled`,
    'Give parts of the service names and socket directories of their own',
  );
}

function stranger({ socketPath, pid }: SocketEntry): Failure {
  return failed(
    'operator',
    `${socketPath} is not a socket of the user who owns process ${pid}; it is left alone`,
    'Find out who made it, and remove it',
  );
}
