import type { Redis } from 'ioredis';
import { samplesKey } from './keys.ts';
import {
  DAY_MS,
  dayOf,
  type MemorySample,
  packSamples,
  RECORD_BYTES,
  sortSamples,
  unpackSamples,
} from './sample-record.ts';

export type InstanceSamples = { service: string; instance: string; samples: readonly MemorySample[] };

export interface SampleStore {
  /** Appends the samples of any number of instances in one round trip. Safe to repeat: readers drop doubles. */
  append(batch: readonly InstanceSamples[]): Promise<void>;
  /** Samples of one instance from `sinceMs` (epoch) to now, by time. */
  readSamples(service: string, instance: string, sinceMs: number, nowMs: number): Promise<MemorySample[]>;
  /** The same for many instances, `READ_KEYS` keys a round trip. */
  readMany(
    service: string,
    instances: readonly string[],
    sinceMs: number,
    nowMs: number,
  ): Promise<Map<string, MemorySample[]>>;
  /** Epoch milliseconds of the last written sample that is still kept; null when there is none. */
  lastSampleAt(service: string, instance: string, nowMs: number): Promise<number | null>;
}

/** Bounds one reply: 64 days of 15 s samples are 4.4 MB. */
const READ_KEYS = 64;

/**
 * Samples as strings that grow by APPEND: one command a sample, 12 bytes and no parsing. A day's string lives until
 * `keepSeconds` after the end of that day.
 */
export function createSampleStore({
  redis,
  prefix,
  keepSeconds,
}: {
  redis: Redis;
  prefix: string;
  keepSeconds: number;
}): SampleStore {
  async function append(batch: readonly InstanceSamples[]): Promise<void> {
    const pipeline = redis.pipeline();
    for (const { service, instance, samples } of batch) {
      for (const [day, ofDay] of groupByDay(samples)) {
        const key = samplesKey(prefix, service, instance, day);
        pipeline.append(key, packSamples(ofDay));
        pipeline.expireat(key, (day + 1) * (DAY_MS / 1000) + keepSeconds);
      }
    }
    throwFirstError(await pipeline.exec());
  }

  async function readMany(
    service: string,
    instances: readonly string[],
    sinceMs: number,
    nowMs: number,
  ): Promise<Map<string, MemorySample[]>> {
    const wanted = instances.flatMap((instance) => daysBetween(sinceMs, nowMs).map((day) => ({ instance, day })));
    const found = new Map<string, MemorySample[]>();
    for (let at = 0; at < wanted.length; at += READ_KEYS) {
      const part = wanted.slice(at, at + READ_KEYS);
      const replies = await redis.mgetBuffer(
        part.map(({ instance, day }) => samplesKey(prefix, service, instance, day)),
      );
      part.forEach(({ instance, day }, index) => {
        const packed = replies[index];
        if (packed === null || packed === undefined) return;
        const samples = unpackSamples(day, packed).filter(({ atMs }) => atMs >= sinceMs);
        found.set(instance, (found.get(instance) ?? []).concat(samples));
      });
    }
    return new Map([...found].map(([instance, samples]) => [instance, sortSamples(samples)]));
  }

  async function lastSampleAt(service: string, instance: string, nowMs: number): Promise<number | null> {
    const days = daysBetween(nowMs - keepSeconds * 1000, nowMs);
    const pipeline = redis.pipeline();
    for (const day of days) pipeline.getrangeBuffer(samplesKey(prefix, service, instance, day), -RECORD_BYTES, -1);
    const replies = (await pipeline.exec()) ?? [];
    const last = replies.flatMap(([, tail], index) =>
      Buffer.isBuffer(tail) ? unpackSamples(days[index] ?? 0, tail).map(({ atMs }) => atMs) : [],
    );
    return last.length === 0 ? null : Math.max(...last);
  }

  return {
    append,
    lastSampleAt,
    readMany,
    readSamples: async (service, instance, sinceMs, nowMs) =>
      (await readMany(service, [instance], sinceMs, nowMs)).get(instance) ?? [],
  };
}

/** Days with samples of the window; one more, for a collector whose clock runs ahead of ours. */
function daysBetween(sinceMs: number, nowMs: number): number[] {
  const first = dayOf(sinceMs);
  return Array.from({ length: dayOf(nowMs) + 2 - first }, (_, index) => first + index);
}

function groupByDay(samples: readonly MemorySample[]): Map<number, MemorySample[]> {
  const days = new Map<number, MemorySample[]>();
  for (const sample of samples) {
    const day = dayOf(sample.atMs);
    const ofDay = days.get(day);
    if (ofDay === undefined) days.set(day, [sample]);
    else ofDay.push(sample);
  }
  return days;
}

function throwFirstError(replies: [error: Error | null, result: unknown][] | null): void {
  for (const [error] of replies ?? []) if (error !== null) throw error;
}
