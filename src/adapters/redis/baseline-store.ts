import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Baseline, type BaselineCensus } from '../../analysis/baseline.ts';
import { failed, type Outcome, ok } from '../../errors.ts';
import type { BaselineBook } from '../../triage/ports.ts';
import { parseJson } from './instance-store.ts';
import { baselinesKey, currentBaselineKey } from './keys.ts';

/** Older baselines than these are forgotten. */
export const KEPT_BASELINES = 20;

const Entry = z.object({ id: z.string(), baseline: Baseline });
type Entry = z.infer<typeof Entry>;

/** `release`: of the process; null when it does not tell. */
export type FoundCensus = { release: string | null; census: BaselineCensus };

export interface BaselineStore extends BaselineBook {
  /** Newest first, at most `KEPT_BASELINES`. `isCurrent` marks the one in force. */
  list(service: string): Promise<readonly { baseline: Baseline; isCurrent: boolean }[]>;
  /** Records it and puts it in force. */
  set(baseline: Baseline): Promise<void>;
  /**
   * What one of its processes held. False: no baseline was recorded at that time, or its release is another one.
   * `recordedAt`: of the baseline.
   */
  addCensus(service: string, recordedAt: string, found: FoundCensus): Promise<boolean>;
  /** Puts the one recorded before the present one in force again. A Failure when there is none. */
  revert(service: string): Promise<Outcome<Baseline>>;
}

export function createBaselineStore({ redis, prefix }: { redis: Redis; prefix: string }): BaselineStore {
  async function read(service: string): Promise<{ entries: Entry[]; currentId: string | null }> {
    const [stored, currentId] = await Promise.all([
      redis.lrange(baselinesKey(prefix, service), 0, KEPT_BASELINES - 1),
      redis.get(currentBaselineKey(prefix, service)),
    ]);
    return { entries: stored.flatMap((text) => parseJson(Entry, text)), currentId };
  }

  async function current(service: string): Promise<Baseline | null> {
    const { entries, currentId } = await read(service);
    return entries.find(({ id }) => id === currentId)?.baseline ?? null;
  }

  return {
    current,
    async list(service) {
      const { entries, currentId } = await read(service);
      return entries.map(({ id, baseline }) => ({ baseline, isCurrent: id === currentId }));
    },
    async set(baseline) {
      const id = randomUUID();
      const key = baselinesKey(prefix, baseline.service);
      const write = redis.multi().lpush(key, JSON.stringify({ id, baseline }));
      await write
        .ltrim(key, 0, KEPT_BASELINES - 1)
        .set(currentBaselineKey(prefix, baseline.service), id)
        .exec();
    },
    async addCensus(service, recordedAt, { release, census }) {
      const key = baselinesKey(prefix, service);
      const stored = await redis.lrange(key, 0, KEPT_BASELINES - 1);
      const text = stored.find((one) => parseJson(Entry, one)[0]?.baseline.recordedAt === recordedAt);
      const [entry] = text === undefined ? [] : parseJson(Entry, text);
      if (text === undefined || entry === undefined) return false;
      const { baseline } = entry;
      if (baseline.release !== null && release !== null && baseline.release !== release) return false;
      const changed = JSON.stringify({ ...entry, baseline: { ...baseline, census } });
      return (await redis.eval(REPLACE, 1, key, text, changed)) === 1;
    },
    async revert(service) {
      const { entries, currentId } = await read(service);
      const earlier = entries[entries.findIndex(({ id }) => id === currentId) + 1];
      if (currentId === null || earlier === undefined) return nothingEarlier(service, entries.length);
      const swapped = await redis.eval(SWAP, 1, currentBaselineKey(prefix, service), currentId, earlier.id);
      return swapped === 1 ? ok(earlier.baseline) : changedMeanwhile(service);
    },
  };
}

/** By its text: others may have been put before it since we read. */
const REPLACE = `
local at = redis.call('lpos', KEYS[1], ARGV[1])
if not at then return 0 end
redis.call('lset', KEYS[1], at, ARGV[2])
return 1`;

/** Another person or replica may have set one since we read. */
const SWAP = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[2])
return 1`;

function nothingEarlier(service: string, recorded: number) {
  const why = recorded === 0 ? `${service} has no baseline` : `${service} has no baseline before the present one`;
  return failed('user', why, `Record one: \`memtriage baseline set ${service}\``);
}

function changedMeanwhile(service: string) {
  return failed('user', `the baseline of ${service} was changed meanwhile`, 'Look at it and revert again if need be');
}
