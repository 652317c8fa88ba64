const LONGEST_WORD = 100;

/**
 * The candidates that `word` was probably meant to be, best first, at most three: those within a third of its
 * letters by edit distance, or that begin with it. Case does not count.
 */
export function nearMatches(word: string, candidates: readonly string[]): string[] {
  // Nobody mistypes that much; and what people paste must not cost seconds.
  if (word.length > LONGEST_WORD) return [];
  const wanted = word.toLowerCase();
  const allowed = Math.max(1, Math.floor((wanted.length + 1) / 3));
  const near = candidates
    .map((candidate) => ({ candidate, distance: distanceTo(wanted, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate))
    .slice(0, 3);
  // Only its case was wrong: nothing else was meant.
  const same = near.filter(({ distance }) => distance === 0);
  return (same.length > 0 ? same : near).map(({ candidate }) => candidate);
}

function distanceTo(wanted: string, candidate: string): number {
  const isPrefix = wanted !== candidate && wanted.length >= 3 && candidate.startsWith(wanted);
  return isPrefix ? 0.5 : editDistance(wanted, candidate);
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(replace, at(last, j) + 1, at(row, j - 1) + 1, swapped ? at(beforeLast, j - 2) + 1 : Infinity));
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
