import type { Snapshot } from '../analysis/snapshot.ts';
import { formatDuration } from '../units.ts';

/** What the rows of the comparison are against: a process of the same moment, or the baseline's census. Plain text. */
export function comparedWith(
  { instance, release, recordedAt }: NonNullable<Snapshot['sibling']>,
  takenAt: string,
): string {
  const of = release === null ? '' : ` of release ${release}`;
  if (recordedAt === undefined) return `Compared with ${instance}${of} at the same moment`;
  const age = formatDuration((Date.parse(takenAt) - Date.parse(recordedAt)) / 1000);
  return `Compared with the census${of} at its baseline, ${age} old (${instance})`;
}

/** Which of the two lists nobody could compare, since one of the processes did not tell it. Plain text. */
export function notCompared({ containersDiff, typesDiff }: NonNullable<Snapshot['sibling']>): string[] {
  const missing = [containersDiff === null ? ['containers'] : [], typesDiff === null ? ['types'] : []].flat();
  return missing.map((list) => `${list} were not compared`);
}
