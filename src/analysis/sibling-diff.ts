import type { CensusContainer, InsideLook } from './look.ts';
import type { Snapshot, SnapshotType } from './snapshot.ts';

export type SiblingDiff = NonNullable<Snapshot['sibling']>;

/** Rows of either list: a difference is for reading. */
const MOST_ROWS = 10;
/** Smaller differences are what two processes of one program always have: a census lists containers from 32 entries on. */
const LEAST_ENTRIES = 32;
const LEAST_RATIO = 0.1;

/**
 * What a process holds more of than a sibling of the same service that was looked into at the same moment: by type and
 * by owner path, the largest difference first. Both censuses list the longest containers only, so one that the sibling
 * does not list is at most as long there as the shortest that it does list: that much is taken for it.
 * Null when neither list can be compared.
 */
export function toSiblingDiff(
  sibling: { instance: string; release: string | null },
  here: InsideLook,
  there: InsideLook,
): SiblingDiff | null {
  const hasTypes = here.types?.types != null && there.types?.types != null;
  const hasCensus = here.census !== null && there.census !== null;
  if (!hasTypes && !hasCensus) return null;
  return {
    instance: sibling.instance,
    release: sibling.release ?? there.identity.release,
    typesDiff: diffTypes(here, there),
    containersDiff: diffContainers(here, there),
  };
}

function diffTypes(here: InsideLook, there: InsideLook): SnapshotType[] {
  const counted = there.types?.types;
  if (counted == null) return [];
  const counts = new Map(counted.map(({ type, count }) => [type, count]));
  const unlisted = least(counted.map(({ count }) => count));
  return (here.types?.types ?? [])
    .map(({ type, count }) => ({ type, count, countDiff: count - (counts.get(type) ?? Math.min(unlisted, count)) }))
    .filter(({ count, countDiff }) => isWorthTelling(countDiff, count))
    .toSorted((a, b) => Math.abs(b.countDiff) - Math.abs(a.countDiff))
    .slice(0, MOST_ROWS);
}

function diffContainers(here: InsideLook, there: InsideLook): SiblingDiff['containersDiff'] {
  const listed = there.census?.containers;
  if (listed === undefined) return [];
  const lengths = new Map(listed.map((row) => [keyOf(row), row.length]));
  const unlisted = least(listed.map(({ length }) => length));
  return (here.census?.containers ?? [])
    .map((row) => ({
      path: row.path,
      type: row.type,
      length: row.length,
      lengthDiff: row.length - (lengths.get(keyOf(row)) ?? Math.min(unlisted, row.length)),
    }))
    .filter(({ length, lengthDiff }) => isWorthTelling(lengthDiff, length))
    .toSorted((a, b) => Math.abs(b.lengthDiff) - Math.abs(a.lengthDiff))
    .slice(0, MOST_ROWS);
}

function least(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : Math.min(...numbers);
}

function isWorthTelling(difference: number, here: number): boolean {
  return Math.abs(difference) >= LEAST_ENTRIES && Math.abs(difference) >= LEAST_RATIO * here;
}

function keyOf({ path, type }: Pick<CensusContainer, 'path' | 'type'>): string {
  return `${type} ${path}`;
}
