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

/** Workers of one master start together and hold the same: only one that came later shows what time adds. */
const YOUNGER_SECONDS = 60;

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

/**
 * Another live process of the service to compare the target with: the youngest one of
 * another release, else the youngest that started well after the target. Null: none has a probe or fits.
 */
export function chooseSibling(
  tables: ReadonlyMap<string, InstanceTable>,
  service: string,
  target: Pick<Target, 'instance'>,
): Target | null {
  const live = tables.get(service)?.live() ?? [];
  const subject = live.find(({ instance }) => instance === target.instance);
  if (subject === undefined) return null;
  const others = live.filter((other) => other !== subject && other.socketPath !== null);
  const youngestFirst = others.toSorted((a, b) => b.startedAt - a.startedAt);
  const ofAnother = youngestFirst.find((other) => isOfAnotherRelease(other, subject));
  const younger = youngestFirst.find((other) => other.startedAt - subject.startedAt >= YOUNGER_SECONDS);
  return ofAnother ?? younger ?? null;
}

/** A typical process of a release, the middle one by size, that has a probe; `release` null: of any. Null: there is none. */
export function chooseTypical(
  tables: ReadonlyMap<string, InstanceTable>,
  service: string,
  release: string | null,
): Target | null {
  const fitting = (tables.get(service)?.live() ?? [])
    .filter((one) => one.socketPath !== null && (release === null || one.release === release))
    .toSorted((a, b) => a.rssBytes - b.rssBytes);
  return fitting[Math.floor(fitting.length / 2)] ?? null;
}

function isOfAnotherRelease(other: Instance, subject: Instance): boolean {
  return other.release !== null && subject.release !== null && other.release !== subject.release;
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
