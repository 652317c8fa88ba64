import { formatDuration } from '../units.ts';
import type { Baseline, BaselineCensus } from './baseline.ts';
import type { CensusContainer, InsideLook } from './look.ts';
import type { Snapshot, SnapshotType } from './snapshot.ts';

export type SiblingDiff = NonNullable<Snapshot['sibling']>;

/** Rows of either list: a difference is for reading. */
const MOST_ROWS = 10;
/** Smaller differences are what two processes of one program always have: a census lists containers from 32 entries on. */
const LEAST_ENTRIES = 32;
const LEAST_RATIO = 0.1;
/** Of a stored census: as many types as the probe counts, and names as a report shows them. */
const MOST_KEPT = 40;
const LONGEST_NAME = 300;

type Held = {
  types: readonly { type: string; count: number }[] | null;
  containers: readonly Pick<CensusContainer, 'path' | 'type' | 'length'>[] | null;
};

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
  const release = sibling.release ?? there.identity.release;
  return toDiff({ instance: sibling.instance, release }, held(here), held(there));
}

/** The baseline with its census, as a look gets it. */
export type HealthyCensus = Pick<Baseline, 'release' | 'recordedAt'> & { census: BaselineCensus };

/**
 * The same against the census that was stored with the baseline, where no sibling runs: what the process holds more of
 * than a healthy one did then. Null when it can't be compared.
 */
export function toBaselineDiff({ release, recordedAt, census }: HealthyCensus, here: InsideLook): SiblingDiff | null {
  const subject = { instance: census.instance ?? 'a process of that time', release };
  const { types, containers } = census;
  const then = { types: types.length > 0 ? types : null, containers: containers.length > 0 ? containers : null };
  const diff = toDiff(subject, held(here), then);
  return diff === null ? null : { ...diff, recordedAt: census.takenAt ?? recordedAt };
}

/** What is to be known of such a comparison. `at`: epoch milliseconds of the look. */
export function baselineDiffNote({ release, recordedAt, census }: HealthyCensus, here: InsideLook, at: number): string {
  const age = formatDuration((at - Date.parse(census.takenAt ?? recordedAt)) / 1000);
  const now = here.identity.python;
  const isOther = census.python !== null && census.python !== now;
  const other = isOther
    ? `, which ran Python ${census.python} where this one runs ${now}: types differ by that too`
    : '';
  return `no sibling to compare with: containers and types are compared with the census of ${release ?? 'the release'} at its baseline, ${age} old${other}.`;
}

/** What is stored of a look at a healthy process; null when it saw neither types nor containers. */
export function toCensus(instance: string, inside: InsideLook, at: number): BaselineCensus | null {
  const { types, containers } = held(inside);
  if (types === null && containers === null) return null;
  return {
    instance,
    takenAt: new Date(at).toISOString(),
    python: inside.identity.python,
    types: (types ?? []).slice(0, MOST_KEPT).map(({ type, count }) => ({ type: short(type), count })),
    containers: (containers ?? [])
      .toSorted((a, b) => b.length - a.length)
      .slice(0, MOST_KEPT)
      .map(({ path, type, length }) => ({ path: short(path), type: short(type), length })),
  };
}

function short(text: string): string {
  return text.slice(0, LONGEST_NAME);
}

function held({ types, census }: InsideLook): Held {
  return { types: types?.types ?? null, containers: census?.containers ?? null };
}

function toDiff(subject: { instance: string; release: string | null }, here: Held, there: Held): SiblingDiff | null {
  const hasTypes = here.types !== null && there.types !== null;
  const hasCensus = here.containers !== null && there.containers !== null;
  if (!hasTypes && !hasCensus) return null;
  return { ...subject, typesDiff: diffTypes(here, there), containersDiff: diffContainers(here, there) };
}

function diffTypes(here: Held, there: Held): SnapshotType[] | null {
  const counted = there.types;
  if (counted === null || here.types === null) return null;
  const counts = new Map(counted.map(({ type, count }) => [type, count]));
  const unlisted = least(counted.map(({ count }) => count));
  return here.types
    .map(({ type, count }) => ({ type, count, countDiff: count - (counts.get(type) ?? Math.min(unlisted, count)) }))
    .filter(({ count, countDiff }) => isWorthTelling(countDiff, count))
    .toSorted((a, b) => Math.abs(b.countDiff) - Math.abs(a.countDiff))
    .slice(0, MOST_ROWS);
}

function diffContainers(here: Held, there: Held): SiblingDiff['containersDiff'] {
  const listed = there.containers;
  if (listed === null || here.containers === null) return null;
  const lengths = new Map(listed.map((row) => [keyOf(row), row.length]));
  const unlisted = least(listed.map(({ length }) => length));
  return here.containers
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
