/** Who is on call when: shifts laid over each other, who holds the present one, and where nobody does. */

import { z } from 'zod';

/** `userId`: in Slack; null: nobody knows yet who of Slack that is. `name`: as the source says it. */
export const Person = z.object({ userId: z.string().nullable(), name: z.string(), email: z.string().nullable() });
export type Person = z.infer<typeof Person>;

/** From a moment, included, to a moment, excluded; epoch milliseconds. */
export const Span = z.object({ fromMs: z.number(), toMs: z.number() });
export type Span = z.infer<typeof Span>;
export const Shift = Span.extend({ person: Person });
export type Shift = z.infer<typeof Shift>;

export const Rota = z.object({
  /** In order, never two at the same time. */
  shifts: z.array(Shift).readonly(),
  /** All of them on call together for as long as is known, without hand-offs; absent: the shifts tell. */
  group: z.array(Person).readonly().optional(),
  /** The time that the shifts tell of: a gap outside of it is no gap. */
  known: Span,
  /** What could not be read or matched, as plain sentences without full stop. */
  problems: z.array(z.string()).readonly(),
});
export type Rota = z.infer<typeof Rota>;

/**
 * One line of shifts out of many: where several are at the same time, an override goes before a primary shift, and
 * of two of a kind the one that began last. What remains of a shift on both sides of another one stays.
 */
export function layShifts(primary: readonly Shift[], overrides: readonly Shift[]): Shift[] {
  const layers = [
    ...primary.map((shift) => ({ shift, rank: 0 })),
    ...overrides.map((shift) => ({ shift, rank: 1 })),
  ].filter(({ shift }) => shift.fromMs < shift.toMs);
  const edges = [...new Set(layers.flatMap(({ shift }) => [shift.fromMs, shift.toMs]))].sort((a, b) => a - b);
  layers.sort((a, b) => a.shift.fromMs - b.shift.fromMs);
  const laid: { source: Shift; shift: Shift }[] = [];
  let begun = 0;
  let open: typeof layers = [];
  for (const [index, fromMs] of edges.slice(0, -1).entries()) {
    const toMs = edges[index + 1] ?? fromMs;
    while (begun < layers.length && (layers[begun]?.shift.fromMs ?? 0) <= fromMs)
      open.push(...layers.slice(begun, ++begun));
    open = open.filter(({ shift }) => shift.toMs > fromMs);
    const [top] = open.toSorted((a, b) => b.rank - a.rank || b.shift.fromMs - a.shift.fromMs);
    if (top === undefined) continue;
    const last = laid.at(-1);
    if (last?.source === top.shift && last.shift.toMs === fromMs) last.shift = { ...last.shift, toMs };
    else laid.push({ source: top.shift, shift: { ...top.shift, fromMs, toMs } });
  }
  return laid.map(({ shift }) => shift);
}

export type OnCallNow = {
  /** Everybody who is on call now. */
  people: readonly Person[];
  /** Their shift; null: nobody has one, or no shifts are known of them. */
  now: Shift | null;
  next: Shift | null;
  /** Who is asked next: whoever was on call before, since they know what went on; else who comes next. */
  backup: Person | null;
};

export function onCallAt({ shifts, group }: Rota, atMs: number): OnCallNow {
  if (group !== undefined) return { people: group, now: null, next: null, backup: null };
  const now = shifts.find(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs) ?? null;
  const later = shifts.filter(({ fromMs }) => fromMs > atMs);
  const earlier = shifts.filter(({ toMs }) => toMs <= atMs);
  const isOther = ({ person }: Shift): boolean => person.userId !== null && person.userId !== now?.person.userId;
  const backup = earlier.findLast(isOther) ?? later.find(isOther);
  return { people: now === null ? [] : [now.person], now, next: later[0] ?? null, backup: backup?.person ?? null };
}

/** Times within the span, as far as they are known, when nobody is on call whom Slack could reach. */
export function findGaps({ shifts, group = [], known }: Rota, { fromMs, toMs }: Span): Span[] {
  if (group.some(({ userId }) => userId !== null)) return [];
  const end = Math.min(toMs, known.toMs);
  const gaps: Span[] = [];
  let at = Math.max(fromMs, known.fromMs);
  for (const shift of shifts) {
    if (shift.person.userId === null || shift.toMs <= at) continue;
    if (shift.fromMs >= end) break;
    if (shift.fromMs > at) gaps.push({ fromMs: at, toMs: shift.fromMs });
    at = Math.max(at, shift.toMs);
  }
  if (at < end) gaps.push({ fromMs: at, toMs: end });
  return gaps;
}

/** Everybody with a shift, or of the group, whom Slack knows, each once. */
export function peopleOf({ shifts, group = [] }: Rota): string[] {
  return usersOf([...shifts.map(({ person }) => person), ...group]);
}

/** Their ids in Slack, each once; those whom it does not know are left out. */
export function usersOf(people: readonly Person[]): string[] {
  return [...new Set(people.flatMap(({ userId }) => userId ?? []))];
}
