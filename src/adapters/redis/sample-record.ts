/** How samples lie in Redis: 12 bytes each, one string a day (UTC) and instance, in the order in which they were taken. */

export const RECORD_BYTES = 12;
export const DAY_MS = 86_400_000;
const KIB = 1024;
const MAX_KIB = 0xffff_ffff;

/** One reading of one process. `atMs`: epoch milliseconds by the wall clock of the collector. */
export type MemorySample = { atMs: number; rssBytes: number; anonymousBytes: number };

export function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS);
}

/** u32 milliseconds since the day's start, u32 RSS in KiB, u32 anonymous KiB; little-endian. Up to 4 TiB, to the KiB. */
export function packSamples(samples: readonly MemorySample[]): Buffer {
  const packed = Buffer.alloc(samples.length * RECORD_BYTES);
  samples.forEach(({ atMs, rssBytes, anonymousBytes }, index) => {
    const at = index * RECORD_BYTES;
    packed.writeUInt32LE(Math.floor(atMs - dayOf(atMs) * DAY_MS), at);
    packed.writeUInt32LE(Math.min(MAX_KIB, Math.round(rssBytes / KIB)), at + 4);
    packed.writeUInt32LE(Math.min(MAX_KIB, Math.round(anonymousBytes / KIB)), at + 8);
  });
  return packed;
}

/** Records that can't be (a time past the day's end) and half a record at the end are skipped. */
export function unpackSamples(day: number, packed: Buffer): MemorySample[] {
  const samples: MemorySample[] = [];
  for (let at = 0; at + RECORD_BYTES <= packed.length; at += RECORD_BYTES) {
    const millisecond = packed.readUInt32LE(at);
    if (millisecond >= DAY_MS) continue;
    samples.push({
      atMs: day * DAY_MS + millisecond,
      rssBytes: packed.readUInt32LE(at + 4) * KIB,
      anonymousBytes: packed.readUInt32LE(at + 8) * KIB,
    });
  }
  return samples;
}

/**
 * By time, each moment once. A clock that was set back, or a batch written twice after a lost reply, leaves records
 * out of order or doubled; of two at the same millisecond the later written one stays.
 */
export function sortSamples(samples: readonly MemorySample[]): MemorySample[] {
  const byTime = new Map(samples.map((sample) => [sample.atMs, sample]));
  return [...byTime.values()].sort((a, b) => a.atMs - b.atMs);
}
