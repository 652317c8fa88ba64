/** Near matches for a name that nobody knows: prefixes first, then up to two typing errors. */

/** Damerau-Levenshtein distance up to which two names may be the same name mistyped. */
const MAX_TYPOS = 2;
/** Longest name that is compared; a longer one matches nothing. Keeps the work bounded for any input. */
const MAX_LENGTH = 100;
/** A shorter beginning fits too many names to be of help. */
const MIN_PREFIX = 2;

/** At most `limit` of `names` that `asked` may have meant, best first: longer than asked, then by typing errors, then by name. */
export function nearestNames(asked: string, names: readonly string[], limit: number = 3): string[] {
  const wanted = asked.toLowerCase();
  if (wanted.length > MAX_LENGTH) return [];
  const rated = names.flatMap((name) => {
    const typos = rate(wanted, name.toLowerCase());
    return typos === null ? [] : [{ name, typos }];
  });
  rated.sort((a, b) => a.typos - b.typos || a.name.localeCompare(b.name));
  return rated.slice(0, limit).map(({ name }) => name);
}

function rate(wanted: string, name: string): number | null {
  if (wanted.length >= MIN_PREFIX && name.startsWith(wanted)) return 0;
  if (Math.abs(wanted.length - name.length) > MAX_TYPOS || name.length > MAX_LENGTH) return null;
  const typos = typingErrors(wanted, name);
  // Two errors in a name of three letters is another name.
  return typos <= MAX_TYPOS && typos < Math.min(wanted.length, name.length) - 1 ? typos : null;
}

/** Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, replacements, neighbours swapped. */
export function typingErrors(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const replaced = at(last, column - 1) + (same ? 0 : 1);
      const swappable = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swapped = swappable ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(replaced, swapped, at(last, column) + 1, at(current, column - 1) + 1));
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
