import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PagerState } from '../../src/incident/pager.ts';
import { type ChannelKills, openOf, type Umbrella, type UmbrellaChild } from '../../src/incident/umbrella.ts';
import { endIfOver, giveThread, place, UMBRELLA_POLICY } from '../../src/incident/umbrella-moves.ts';
import { claimPage } from '../../src/incident/umbrella-pages.ts';
import { suspectOf } from '../../src/incident/umbrella-suspect.ts';

const NOW = Date.parse('2026-11-22T10:00:00Z');
const CHANNEL = 'C0ONCALL';
const EMPTY: ChannelKills = { recent: [], umbrellas: [] };

/** `at`: seconds after `NOW`. */
function kill(n: number, at: number, changes: Partial<UmbrellaChild> = {}): UmbrellaChild {
  const killedAt = new Date(NOW + at * 1000).toISOString();
  return {
    incident: `M-${n}`,
    service: `service-${n}`,
    team: 'payments',
    kills: 1,
    firstKillAt: killedAt,
    lastKillAt: killedAt,
    node: null,
    state: 'triaging',
    quietSince: null,
    silencedUntil: null,
    report: null,
    hasThread: false,
    ...changes,
  };
}

function report(
  bytesPerHour: number | null,
  changes: Partial<NonNullable<UmbrellaChild['report']>> = {},
): NonNullable<UmbrellaChild['report']> {
  const growth = bytesPerHour === null ? null : { bytesPerHour, low: bytesPerHour * 0.9, high: bytesPerHour * 1.1 };
  const words = { sign: '🟠', words: 'WATCH (warning)', figures: [], why: '', page: null };
  return { round: 1, verdict: 'warning', ...words, growth, advisesRollback: false, ...changes };
}

let ids = 0;
/** As the book does it: a new umbrella gets an id. The test's clock is that of the newest kill. */
function placed(before: ChannelKills, seen: UmbrellaChild, nowMs: number = Date.parse(seen.lastKillAt)): ChannelKills {
  const after = place(before, seen, CHANNEL, nowMs);
  return { ...after, umbrellas: after.umbrellas.map((one) => (one.id === '' ? { ...one, id: `U-${++ids}` } : one)) };
}

const all = (kills: readonly UmbrellaChild[]): ChannelKills =>
  kills.reduce((before, one) => placed(before, one), EMPTY);
const inUmbrella = (kills: ChannelKills): string[] => (openOf(kills)?.children ?? []).map(({ incident }) => incident);
const listed = ({ umbrellas }: ChannelKills): string[] =>
  umbrellas.flatMap(({ children }) => children.filter(({ hasThread }) => !hasThread).map(({ incident }) => incident));

describe('an umbrella', () => {
  it.each([
    ['four services in two minutes', [0, 30, 60, 90], null, 0],
    ['five services in two minutes', [0, 30, 60, 90, 120], null, 5],
    ['five services in more than two minutes', [0, 40, 80, 120, 160], null, 0],
    ['two services of one node', [0, 10], 'ip-10-1', 0],
    ['three services of one node', [0, 10, 20], 'ip-10-1', 3],
    ['three services of one node in more than two minutes', [0, 70, 140], 'ip-10-1', 0],
  ] as const)('%s', (_title, times, node, children) => {
    expect(inUmbrella(all(times.map((at, n) => kill(n, at, { node }))))).toHaveLength(children);
  });

  it('keeps the threads of those before it, and lists those after it', () => {
    const kills = all([0, 1, 2, 3, 4, 5].map((at) => kill(at, at)));
    expect(listed(kills)).toEqual(['M-4', 'M-5']);
    expect(inUmbrella(kills)).toHaveLength(6);
  });

  it('is not opened by the same service again and again', () => {
    const kills = all([1, 2, 3, 4, 5, 6, 7].map((count) => kill(1, count, { kills: count })));
    expect(openOf(kills)).toBeNull();
  });

  it('takes a further kill of its node, or one that comes while the others do; a lone one later keeps its thread and page', () => {
    const open = all([0, 1, 2, 3, 4].map((at) => kill(at, at, { node: 'ip-10-1' })));
    expect(inUmbrella(placed(open, kill(9, 900, { node: 'ip-10-1' })))).toContain('M-9');
    expect(inUmbrella(placed(open, kill(9, 60)))).toContain('M-9');
    const later = placed(open, kill(9, 900));
    expect(inUmbrella(later)).not.toContain('M-9');
    expect(later.recent.at(-1)).toMatchObject({ incident: 'M-9', hasThread: true });
    expect(inUmbrella(placed(open, kill(9, 200, { node: 'ip-10-2' })))).not.toContain('M-9');
  });

  it('is over after half an hour without a kill, or when all of it is quiet or closed; then who is killed has a thread', () => {
    const open = all([0, 1, 2, 3, 4, 5].map((at) => kill(at, at)));
    const [umbrella] = open.umbrellas;
    if (umbrella === undefined) throw new Error('there is no umbrella');
    expect(endIfOver(umbrella, NOW + 1_700_000).endedAt).toBeNull();
    expect(endIfOver(umbrella, NOW + 1_900_000).endedAt).not.toBeNull();
    const children = umbrella.children.map((child, i) =>
      i % 2 === 0 ? { ...child, state: 'closed' as const } : { ...child, quietSince: child.lastKillAt },
    );
    expect(endIfOver({ ...umbrella, children }, NOW + 60_000).endedAt).not.toBeNull();

    const again = placed(open, kill(5, 2000, { kills: 2 }));
    expect(openOf(again)).toBeNull();
    expect(again.umbrellas[0]?.children.find(({ incident }) => incident === 'M-5')?.hasThread).toBe(true);
    // What is told of it without a new kill changes nothing about its place.
    const told = placed(open, kill(5, 5, { report: report(1) }), NOW + 2_000_000);
    expect(listed(told)).toContain('M-5');
  });

  it('gives a child its own thread when its report advises a rollback, or a person asks', () => {
    const open = all([0, 1, 2, 3, 4, 5].map((at) => kill(at, at)));
    const advised = placed(open, kill(5, 5, { state: 'reported', report: report(1, { advisesRollback: true }) }));
    expect(listed(advised)).toEqual(['M-4']);
    expect(listed(giveThread(open, 'M-4'))).toEqual(['M-5']);
  });

  it('keeps the report of a round as it came, since a reply shows it', () => {
    const open = all([0, 1, 2, 3, 4].map((at) => kill(at, at)));
    const first = placed(open, kill(4, 4, { state: 'reported', report: report(1, { page: 'https://a/1' }) }));
    const later = placed(first, kill(4, 4, { state: 'reported', report: report(1, { page: 'https://a/2' }) }));
    expect(openOf(later)?.children.at(-1)?.report?.page).toBe('https://a/1');
  });

  /** Kills of 8 services on up to two nodes over half an hour, in their order, each told up to twice. */
  const stories = fc.array(
    fc.record({
      n: fc.integer({ min: 1, max: 8 }),
      gap: fc.integer({ min: 0, max: 90 }),
      node: fc.constantFrom(null, 'ip-10-1', 'ip-10-2'),
      twice: fc.boolean(),
    }),
    { maxLength: 40 },
  );

  it('is one at a time, whatever is told twice; no kill is lost, and a thread that is there stays', () => {
    fc.assert(
      fc.property(stories, (story) => {
        let kills: ChannelKills = EMPTY;
        let at = 0;
        const counts = new Map<number, number>();
        const threads = new Set<string>();
        for (const { n, gap, node, twice } of story) {
          at += gap;
          const count = (counts.get(n) ?? 0) + 1;
          counts.set(n, count);
          const seen = kill(n, at, { node, kills: count, hasThread: threads.has(`M-${n}`) });
          kills = placed(kills, seen);
          if (twice) expect(placed(kills, seen)).toEqual(kills);
          const place = [...kills.umbrellas]
            .reverse()
            .flatMap(({ children }) => children)
            .concat(kills.recent);
          const found = place.find(({ incident, kills: told }) => incident === `M-${n}` && told === count);
          expect(found).toBeDefined();
          if (threads.has(`M-${n}`)) expect(found?.hasThread).toBe(true);
          if (found?.hasThread === true) threads.add(`M-${n}`);
          expect(kills.umbrellas.filter(({ endedAt }) => endedAt === null).length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('is there whenever five services were killed within two minutes, and never gives more than four of them a root', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 5, maxLength: 12 }), (gaps) => {
        let at = 0;
        const kills = all(gaps.map((gap, n) => kill(n, (at += gap))));
        const times = gaps.map((_, n) => gaps.slice(0, n + 1).reduce((sum, gap) => sum + gap, 0));
        const isMany = times.some((first, n) => (times[n + UMBRELLA_POLICY.services - 1] ?? Infinity) - first <= 120);
        expect(openOf(kills) !== null).toBe(isMany);
        if (at <= 120) expect(kills.recent.length + inUmbrella(kills).length - listed(kills).length).toBe(4);
      }),
      { numRuns: 500, seed: 2 },
    );
  });
});

describe('under an umbrella', () => {
  const [umbrella] = all(
    [0, 1, 2, 3, 4, 5].map((at) => kill(at, at, { team: at % 2 === 0 ? 'even' : 'odd' })),
  ).umbrellas;
  const ask = (n: number, states: Record<string, PagerState>, from: Umbrella | undefined = umbrella, nowMs = NOW) => {
    if (from === undefined) throw new Error('there is no umbrella');
    const asked = { team: n % 2 === 0 ? 'even' : 'odd', incident: `M-${n}`, service: `service-${n}` };
    return claimPage(from, asked, (id) => states[id] ?? null, nowMs);
  };

  it('a team is paged once: not again while that page stands, be it acknowledged or not', () => {
    const first = ask(4, {});
    expect(first.spared).toBeNull();
    // It is about to be paged, and after that it is.
    expect(ask(2, {}, first.after).spared).toMatchObject({ incident: 'M-4' });
    for (const state of ['paging', 'held', 'snoozed', 'unanswered'] as const) {
      expect(ask(2, { 'M-4': state }, first.after, NOW + 3_600_000).spared).toMatchObject({ incident: 'M-4' });
    }
    expect(ask(3, { 'M-4': 'paging' }, first.after).spared).toBeNull();
  });

  it('a page from before it opened counts, and one that was called off does not', () => {
    expect(ask(4, { 'M-0': 'paging' }).spared).toMatchObject({ incident: 'M-0', service: 'service-0' });
    const first = ask(4, {});
    expect(ask(2, { 'M-4': 'over' }, first.after).spared).toBeNull();
    // Whoever claimed it died, and nobody took its alert up.
    expect(ask(2, {}, first.after, NOW + 120_000).spared).toBeNull();
  });
});

describe('the suspect of the pressure', () => {
  const of = (...growth: (number | null | 'none')[]) =>
    suspectOf({ children: growth.map((rate, n) => kill(n, n, { report: rate === 'none' ? null : report(rate) })) });

  it('is who grew most by its report, when the data say so', () => {
    expect(of(100, 900, 200)).toMatchObject({ kind: 'suspect', child: { service: 'service-1' }, measured: 3 });
    expect(of(null, 900, 200)).toMatchObject({ kind: 'suspect', measured: 2 });
  });

  it('is not told otherwise: two that grew alike, none that grew, too few measured, reports under way', () => {
    expect(of(850, 900, 200)).toEqual({ kind: 'unknown', why: 'service-1 and service-0 grew about as much' });
    expect(of(0, -5)).toEqual({ kind: 'unknown', why: 'none of them surely grew' });
    expect(of(900, null, null)).toEqual({ kind: 'unknown', why: 'growth of 1 of 3 services is measured' });
    expect(of(900, 'none')).toEqual({ kind: 'pending', reports: 1 });
  });
});
