/** Who is on call and who is at work, for every team: schedules kept for minutes, and their last good answer for weeks. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { listPublicHolidays } from '../adapters/on-call/public-holidays.ts';
import type { RotaSource } from '../adapters/on-call/rota-source.ts';
import { type RotaAccess, rotaSourceOf } from '../adapters/on-call/rota-source-of.ts';
import { createRotaStore, type StoredRota } from '../adapters/redis/rota-store.ts';
import type { OnCall, Team } from '../config/config.ts';
import { type Failure, inconclusive, messageOf, type Outcome, ok } from '../errors.ts';
import { matchedEmails, unknownEmails, withUserIds } from '../oncall/person.ts';
import type { Rota, Span } from '../oncall/rota.ts';
import { createWorkHours, type HolidayNames, type WorkHours } from '../oncall/work-hours.ts';
import { DAY_MS } from '../oncall/zone-time.ts';
import type { DeskWorld } from './desk-world.ts';

/** Schedules change by hand: within this time a swap of shifts is known. Google's own calendars may lag by a day. */
const FRESH_MS = 5 * 60_000;
/** A group has no plan that could be right in spite of its age: who is in it now is on call. */
const GROUP_FRESH_MS = 60_000;
/** Back: who was on call before knows what went on. Ahead: the last good answer serves for a month. */
const BACK_MS = 15 * DAY_MS;
const AHEAD_MS = 35 * DAY_MS;
/** A list of holidays that failed is tried again after this time. */
const HOLIDAY_RETRY_MS = 10 * 60_000;

export type KnownRota = {
  rota: Rota;
  source: string;
  fetchedAtMs: number;
  /** Why it is not of the last minutes; null: it is. */
  staleWhy: string | null;
};

export type KnownHours = { hours: WorkHours; problems: readonly string[] };

export type Rotas = {
  /** Waits for a schedule that does not answer at most `patienceMs`, then takes the last good answer. */
  rotaOf(team: Team, patienceMs?: number): Promise<Outcome<KnownRota>>;
  /** Holidays that can't be listed are a problem that is told; weekends and hours stand without them. */
  hoursOf(team: Team, patienceMs?: number): Promise<KnownHours>;
};

export type RotasParts = Pick<DeskWorld, 'redis' | 'signal'> &
  RotaAccess & {
    /** Slack ids by e-mail address; null: it knows nobody; absent: it did not tell. */
    findPeople: (emails: readonly string[]) => Promise<ReadonlyMap<string, string | null>>;
    now?: () => number;
  };

const PATIENCE_MS = 8000;

export function createRotas({ redis, pagerDuty, signal, findPeople, membersOf, now = Date.now }: RotasParts): Rotas {
  const store = createRotaStore({ redis: redis.command(), prefix: redis.prefix });
  const underWay = new Map<string, Promise<Outcome<StoredRota>>>();
  const sourceOf = (team: Team, onCall: OnCall): RotaSource =>
    rotaSourceOf(onCall, team.timezone, { pagerDuty, membersOf });

  async function fetchRota(team: Team, onCall: OnCall): Promise<Outcome<StoredRota>> {
    const source = sourceOf(team, onCall);
    const read = await source.readRota(spanAround(now()), signal);
    if (read.outcome !== 'ok') return read;
    const emails = unknownEmails(read.value);
    const people = await peopleOf(team, emails);
    const rota = emails.length === 0 ? read.value : withUserIds(read.value, people);
    const stored: StoredRota = {
      schema: 1,
      source: source.name,
      of: placeOf(team, onCall),
      fetchedAtMs: now(),
      rota,
    };
    // A rotation is computed from the configuration: there is nothing to fall back on, and nothing fails. What Slack did
    // not tell is asked again the next time, not in some minutes.
    const isWhole = emails.every((email) => people.has(email));
    if (onCall.source !== 'rotation' && isWhole) await store.save(team.name, stored);
    return ok(stored);
  }

  /** Of those that Slack does not tell of now, what it told last. */
  async function peopleOf(team: Team, emails: readonly string[]): Promise<ReadonlyMap<string, string | null>> {
    if (emails.length === 0) return new Map();
    const [before, asked] = [await store.load(team.name), await findPeople(emails)];
    return new Map<string, string | null>([...(before === null ? [] : matchedEmails(before.rota)), ...asked]);
  }

  async function shared(team: Team, onCall: OnCall): Promise<Outcome<StoredRota>> {
    const running = underWay.get(team.name) ?? fetchRota(team, onCall).finally(() => underWay.delete(team.name));
    underWay.set(team.name, running);
    return await running;
  }

  return {
    async rotaOf(team, patienceMs = PATIENCE_MS) {
      const { onCall } = team;
      if (onCall === null) return nobodyConfigured(team);
      const stored = onCall.source === 'rotation' ? null : await store.load(team.name);
      // What the source before this one said tells nothing any more.
      const known = stored?.of === placeOf(team, onCall) ? stored : null;
      const freshMs = onCall.source === 'userGroup' ? GROUP_FRESH_MS : FRESH_MS;
      if (known !== null && now() - known.fetchedAtMs < freshMs) return ok({ ...known, staleWhy: null });
      const fetched = await Promise.race([shared(team, onCall).catch(notStored), tooLate(patienceMs)]);
      if (fetched.outcome === 'ok') return ok({ ...fetched.value, staleWhy: null });
      return known === null ? fetched : ok({ ...known, staleWhy: fetched.why });
    },
    hoursOf: createHolidays(now),
  };
}

function createHolidays(now: () => number): Rotas['hoursOf'] {
  const lists = new Map<string, { atMs: number; listed: Promise<Outcome<HolidayNames>> }>();
  return async (team, patienceMs = PATIENCE_MS) => {
    const { country, state } = team.holidays;
    if (country === null) return { hours: createWorkHours(team, new Map()), problems: [] };
    const year = new Date(now()).getUTCFullYear();
    const key = `${country}/${state ?? ''}/${year}`;
    const kept = lists.get(key) ?? { atMs: now(), listed: listPublicHolidays({ country, state }, year) };
    lists.set(key, kept);
    const listed = await Promise.race([kept.listed, tooLate(patienceMs)]);
    if (listed.outcome === 'ok') return { hours: createWorkHours(team, listed.value), problems: [] };
    if (now() - kept.atMs > HOLIDAY_RETRY_MS) lists.delete(key);
    return { hours: createWorkHours(team, new Map()), problems: [`public holidays are not known: ${listed.why}`] };
  };
}

/** Two calendars of one host have the same name for people. */
function placeOf({ timezone }: Team, onCall: OnCall): string {
  return createHash('sha256')
    .update(JSON.stringify([timezone, onCall]))
    .digest('hex');
}

function spanAround(nowMs: number): Span {
  return { fromMs: nowMs - BACK_MS, toMs: nowMs + AHEAD_MS };
}

async function tooLate(ms: number): Promise<Failure> {
  await wait(ms, undefined, { ref: false });
  return inconclusive('upstream', `it did not answer within ${ms / 1000} s`, 'Ask again in a moment');
}

function notStored(error: unknown): Failure {
  return inconclusive('operator', `the schedule could not be stored: ${messageOf(error)}`, 'Check Redis');
}

function nobodyConfigured({ name }: Team): Failure {
  return inconclusive('operator', `the team ${name} has no on-call schedule`, `Add teams.${name}.oncall`);
}
