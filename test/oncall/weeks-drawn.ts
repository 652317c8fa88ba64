/** Teams and incidents of simulated weeks, drawn from a seed. */
import type { Team } from '../../src/config/config.ts';
import type { Trouble } from '../../src/incident/pager.ts';
import type { Report } from '../../src/report/report.ts';
import { aReport } from '../slack/reports.ts';

export const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export type Dice = {
  whole: (low: number, high: number) => number;
  chance: (of: number) => boolean;
  ratio: (low: number, high: number) => number;
};

/** mulberry32: small, and the same everywhere. */
export function dice(seed: number): Dice {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (of) => next() < of,
    ratio: (low, high) => low + next() * (high - low),
  };
}

const ZONES = ['America/Los_Angeles', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Africa/Cairo', 'UTC'];
const PEOPLE = ['U0A', 'U0B', 'U0C', 'U0D'];

export function drawTeam(random: Dice): { team: Team; startMs: number } {
  const startMs = Date.parse('2026-01-06T00:00:00Z') + random.whole(0, 3 * 365) * DAY;
  const team: Team = {
    name: 'payments',
    timezone: ZONES[random.whole(0, ZONES.length - 1)] ?? 'UTC',
    channel: 'C0PAY',
    businessHours: {
      weekdays: [1, 2, 3, 4, 5],
      fromMinute: random.whole(7, 10) * 60,
      toMinute: random.whole(16, 19) * 60,
    },
    holidays: {
      country: null,
      state: null,
      add: [new Date(startMs + random.whole(0, 6) * DAY).toISOString().slice(0, 10)],
      remove: [],
    },
    // Never in the hours when clocks change: what a simple count knows nothing of.
    onCall: {
      source: 'rotation',
      members: PEOPLE.slice(0, random.whole(1, 4)),
      handoff: { weekday: 1, minute: random.whole(6, 20) * 60 },
      since: '2025-12-01',
    },
    escalateAfterSeconds: [random.whole(3, 6) * 60, random.whole(3, 6) * 60, random.whole(5, 15) * 60],
    approvers: random.chance(0.8) ? ['U0LEAD'] : [],
    twoPerson: 'never',
  };
  return { team, startMs };
}

export type Story = {
  startMs: number;
  /** When the verdict becomes critical; null: never before the first kill. */
  criticalMs: number | null;
  kills: readonly number[];
  /** When it ends by itself, or somebody comes to work and cures it. */
  endsMs: number;
  isAsked: boolean;
  /** There is no forecast: it was critical, or killed, from one moment to the next. */
  isSudden: boolean;
  ackChance: number;
  /** The same at the same moment, however often it is asked. */
  reportAt: (at: number) => Report;
};

export function drawStory(random: Dice, weekMs: number): Story {
  const startMs = weekMs + random.whole(0, 7 * 1440 - 1) * MINUTE;
  const kind = random.whole(1, 10);
  const isSudden = kind <= 2;
  const isNoise = kind >= 9;
  const limitMs = isNoise ? null : isSudden ? startMs : startMs + Math.round(random.ratio(0.5, 90) * HOUR);
  const isEarly = limitMs !== null && random.chance(0.6);
  const criticalMs =
    limitMs === null || !isEarly
      ? null
      : limitMs - Math.round(random.ratio(0, 1) * Math.min(limitMs - startMs, 3 * HOUR));
  const kills =
    limitMs === null
      ? []
      : Array.from({ length: random.whole(1, 5) }, (_, i) => limitMs + i * random.whole(5, 50) * MINUTE);
  return {
    startMs,
    criticalMs,
    kills: kills.toSorted((a, b) => a - b),
    endsMs: (limitMs ?? startMs) + random.whole(2, 40) * HOUR,
    isAsked: !isSudden && random.chance(0.15),
    isSudden,
    ackChance: random.chance(0.1) ? 0 : random.ratio(0.3, 1),
    reportAt(at) {
      const luck = dice(Math.floor(at / 1000));
      const leftSeconds = limitMs === null ? null : Math.max(0, limitMs - at) / 1000;
      const [low, high] = [luck.ratio(0.6, 1), luck.ratio(1, 1.6)];
      return aReport({
        generatedAt: new Date(at).toISOString(),
        verdict: criticalMs !== null && at >= criticalMs ? 'critical' : 'warning',
        timeToLimitSeconds:
          leftSeconds === null ? null : { estimate: leftSeconds, low: leftSeconds * low, high: leftSeconds * high },
      });
    },
  };
}

export function truthAt({ criticalMs, kills, startMs }: Story, at: number, endsMs: number): Trouble {
  if (at >= endsMs || at < startMs) return 'none';
  if (kills.some((kill) => kill <= at)) return 'oom';
  return criticalMs !== null && criticalMs <= at ? 'critical' : 'warning';
}
