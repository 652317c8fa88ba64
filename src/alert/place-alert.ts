import type { Alert } from './alert.ts';

export type Placed = { name: string; alerts: { match: Readonly<Record<string, string>> } };

/**
 * The service that an alert belongs to: the one that the sender names, else the one whose `alerts.match` fits with the
 * most labels (the first of the configuration among equals); null: none.
 */
export function placeAlert<S extends Placed>(
  services: Iterable<S>,
  { service, labels }: Pick<Alert, 'service' | 'labels'>,
): S | null {
  const all = [...services];
  const named = all.find(({ name }) => name === service);
  if (named !== undefined) return named;
  const known = service === null ? labels : { service, ...labels };
  const fitting = all.filter(({ alerts: { match } }) => fits(match, known));
  const [best] = fitting.toSorted((a, b) => size(b) - size(a));
  return best ?? null;
}

/** An empty `match` fits nothing: it would take the alerts of all others. */
function fits(match: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.keys(match);
  return wanted.length > 0 && wanted.every((name) => Object.hasOwn(labels, name) && labels[name] === match[name]);
}

function size({ alerts: { match } }: Placed): number {
  return Object.keys(match).length;
}

/** Labels that name a workload, most telling first: what a configuration would place an alert by. */
const TELLING = [
  'service',
  'app',
  'app_kubernetes_io_name',
  'deployment',
  'statefulset',
  'job',
  'container',
  'namespace',
];
/** One post about alerts that differ in these only. */
const PASSING = /^(?:pod|instance|uid|id|container_id|endpoint|node|ip|host|prometheus|replica|reason)$/;

/** The line of the configuration that would place an alert like this; null: it has no label that names a workload. */
export function placingLine({ service, labels }: Alert): string | null {
  if (service !== null) return `alerts: { match: { service: ${JSON.stringify(labels['service'] ?? service)} } }`;
  const found = TELLING.flatMap((name) =>
    labels[name] === undefined ? [] : [`${name}: ${JSON.stringify(labels[name])}`],
  );
  return found.length === 0 ? null : `alerts: { match: { ${found.slice(0, 2).join(', ')} } }`;
}

/** The same for alerts that one line would place. */
export function unplacedKey({ service, name, labels }: Alert): string {
  const lasting = Object.entries(labels).filter(([label]) => !PASSING.test(label));
  return JSON.stringify([service, name, lasting.toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}
