import { failed, inconclusive, type Outcome, ok } from '../errors.ts';
import type { Instance } from './instance.ts';
import type { InstanceTable } from './instance-table.ts';

/** A process to look at. Without a socket only from outside. */
export type Target = {
  pid: number;
  startTicks: number;
  socketPath: string | null;
  instance: string;
  release: string | null;
};

const OUR_NAME = /^\d+\.\d+$/;

/**
 * The live process that a snapshot is to be taken of: the one that is named, or the largest. A name that is not one of
 * ours (Prometheus' `host:port`) says nothing about the process, so that the largest is taken for it too.
 * The tables must be fresh: the caller observes first.
 */
export function chooseTarget(
  tables: ReadonlyMap<string, InstanceTable>,
  service: string,
  instance: string | null,
): Outcome<Target> {
  const table = tables.get(service);
  if (table === undefined) {
    const cure = `Give ${service} its \`sockets\` directory and \`site\`, and start the collector of that site`;
    return failed('operator', `this collector samples no service called ${service}`, cure);
  }
  const isNamed = instance !== null && OUR_NAME.test(instance);
  const found = isNamed ? table.find(instance) : largest(table.live());
  if (found === null) return isNamed ? gone(service, instance) : noneLives(service);
  const { pid, startTicks, socketPath, release } = found;
  return ok({ pid, startTicks, socketPath, instance: found.instance, release });
}

function largest(live: readonly Instance[]): Instance | null {
  const withProbe = live.filter(({ socketPath }) => socketPath !== null);
  const sorted = [...(withProbe.length > 0 ? withProbe : live)].sort((a, b) => b.rssBytes - a.rssBytes);
  return sorted[0] ?? null;
}

function gone(service: string, instance: string) {
  const why = `instance ${instance} of ${service} is gone: it ended or was restarted before it could be looked into`;
  return inconclusive('operator', why, 'Ask again: the look then goes to an instance that lives');
}

function noneLives(service: string) {
  return inconclusive(
    'operator',
    `no live process of ${service} has a probe`,
    'Start it with PYTHONPATH=$(memtriage probe-path) and MEMTRIAGE_SOCKET_DIR set to its `sockets` directory',
  );
}
