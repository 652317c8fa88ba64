import { formatDuration } from '../units.ts';
import { type BrokenOff, Rung, type Snapshot } from './snapshot.ts';

/** What of a whole look is missing when nothing follows a rung. */
const MISSING: Record<Rung, string> = {
  outside: 'the inside of the process, what grew, and which lines allocated it',
  'first-look': 'what grew, and which lines allocated it',
  'first-child': 'what grew, and which lines allocated it',
  'second-look': 'what comes after the second look: the whole heap where a forked child reads it, and allocating lines',
  'second-child': 'which lines allocated what grew',
};

/** What was seen up to a rung, as long as nothing more is known. `seconds`: since the look began. */
export function upTo(rung: Rung, seconds: number, snapshot: Snapshot): Snapshot {
  return { ...snapshot, brokenOff: { rung, seconds, why: null } };
}

/** Who knows why the look did not go on says so; a snapshot of a whole look stays as it is. */
export function brokenOffBy(why: string, snapshot: Snapshot): Snapshot {
  return snapshot.brokenOff === undefined ? snapshot : { ...snapshot, brokenOff: { ...snapshot.brokenOff, why } };
}

/** The one that came further; a whole look is the furthest. */
export function furtherOf(one: Snapshot, other: Snapshot): Snapshot {
  return reachOf(one) >= reachOf(other) ? one : other;
}

function reachOf({ brokenOff }: Snapshot): number {
  return brokenOff === undefined ? Number.POSITIVE_INFINITY : Rung.options.indexOf(brokenOff.rung);
}

/** For the report: why it broke off, how far it came, what is missing. Without a full stop. */
export function describeBreak({ rung, seconds, why }: BrokenOff): string {
  const cause = why ?? 'nothing more was heard of it';
  const when = `up to ${formatDuration(seconds)}`;
  return `the look broke off: ${cause}; told is what was seen before (${when}), missing is ${MISSING[rung]}`;
}

/** Everything that a look says in words; that it broke off comes first. */
export function notesOf({ brokenOff, notes }: Pick<Snapshot, 'brokenOff' | 'notes'>): readonly string[] {
  return brokenOff === undefined ? notes : [`${describeBreak(brokenOff)}.`, ...notes];
}
