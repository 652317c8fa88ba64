/** Seeded randomness (mulberry32): the same seed gives the same series on every machine. */
export type Random = {
  /** 0..1. */
  uniform: () => number;
  between: (low: number, high: number) => number;
  /** Uniform in the logarithm. */
  logBetween: (low: number, high: number) => number;
  normal: () => number;
  chance: (probability: number) => boolean;
  pick: <T>(values: readonly T[]) => T;
};

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const between = (low: number, high: number) => low + (high - low) * uniform();
  return {
    uniform,
    between,
    logBetween: (low, high) => Math.exp(between(Math.log(low), Math.log(high))),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    chance: (probability) => uniform() < probability,
    pick: (values) => values[Math.floor(uniform() * values.length)] ?? (values[0] as (typeof values)[number]),
  };
}
