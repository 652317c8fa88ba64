import type { Snapshot } from '../../analysis/snapshot.ts';

/** Entries of each list: the first are the largest, and a report shows ten. */
const TOP = 30;
const TEXT_LENGTH = 300;
/** A job's result goes through Redis and into the incident. */
export const MAX_SNAPSHOT_BYTES = 65_536;

/** Cuts lists to their first entries and long texts, until the JSON fits into `MAX_SNAPSHOT_BYTES`. */
export function boundSnapshot(snapshot: Snapshot): Snapshot {
  for (let top = TOP; ; top = Math.floor(top / 2)) {
    const bounded = cut(snapshot, top, TEXT_LENGTH);
    if (Buffer.byteLength(JSON.stringify(bounded)) <= MAX_SNAPSHOT_BYTES || top === 0) return bounded;
  }
}

function cut(snapshot: Snapshot, top: number, length: number): Snapshot {
  const text = (value: string) => (value.length > length ? `${value.slice(0, length - 1)}…` : value);
  const first = <T>(list: readonly T[]) => list.slice(0, top);
  const measured = <T>(list: readonly T[] | null, short: (one: T) => T) => list && first(list).map(short);
  const { sibling } = snapshot;
  return {
    ...snapshot,
    layers: snapshot.layers.slice(0, 12),
    sites: measured(snapshot.sites, (site) => ({
      ...site,
      file: text(site.file),
      traceback: first(site.traceback).map(text),
    })),
    containers: measured(snapshot.containers, (container) => ({ ...container, ...names(container, text) })),
    types: measured(snapshot.types, (type) => ({ ...type, type: text(type.type) })),
    sibling: sibling && {
      ...sibling,
      typesDiff: measured(sibling.typesDiff, (type) => ({ ...type, type: text(type.type) })),
      containersDiff: measured(sibling.containersDiff, (one) => ({ ...one, ...names(one, text) })),
    },
    notes: snapshot.notes.slice(0, TOP).map(text),
  };
}

function names(container: { path: string; type: string }, text: (value: string) => string) {
  return { path: text(container.path), type: text(container.type) };
}
