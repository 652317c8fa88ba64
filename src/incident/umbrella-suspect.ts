import type { Umbrella, UmbrellaChild } from './umbrella.ts';

/** `why`: a plain clause. `measured`: how many services' growth is known. */
export type Suspicion =
  | { kind: 'pending'; reports: number }
  | { kind: 'suspect'; child: UmbrellaChild; bytesPerHour: number; measured: number }
  | { kind: 'unknown'; why: string };

/**
 * Which service pressed the others: the one that grew most in bytes, if it surely grows and the 95 % intervals of its
 * growth and of everybody else's don't overlap. It is named only when every report is out and most of them measured it.
 */
export function suspectOf({ children }: Pick<Umbrella, 'children'>): Suspicion {
  const reported = children.filter(({ report }) => report !== null);
  if (reported.length < children.length) return { kind: 'pending', reports: reported.length };
  const grown = children
    .flatMap((child) => (child.report?.growth == null ? [] : [{ child, growth: child.report.growth }]))
    .toSorted((a, b) => b.growth.bytesPerHour - a.growth.bytesPerHour);
  const measured = grown.length;
  if (measured * 2 <= children.length) {
    return { kind: 'unknown', why: `growth of ${measured} of ${children.length} services is measured` };
  }
  const [first] = grown;
  if (first === undefined || first.growth.low <= 0) return { kind: 'unknown', why: 'none of them surely grew' };
  const rival = grown.slice(1).find(({ growth }) => growth.high >= first.growth.low);
  if (rival !== undefined) {
    return { kind: 'unknown', why: `${first.child.service} and ${rival.child.service} grew about as much` };
  }
  return { kind: 'suspect', child: first.child, bytesPerHour: first.growth.bytesPerHour, measured };
}
