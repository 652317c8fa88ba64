import type { Random } from './random.ts';

const HOUR = 3600;

/** What a simulated process holds, as parts that are added up. Sizes in shares of its settled level, times in hours. */
export type Behaviour = {
  warmUp: { share: number; hours: number };
  /** A cache that fills linearly with its requests until it is full. */
  fill: { share: number; hours: number } | null;
  /** Slow creep with the logarithm of age: pools, fragmentation. */
  creep: number;
  /** Mean-reverting wander. */
  wander: { share: number; hours: number };
  /** Teeth of a garbage collector or of batches: rises, falls to the floor every `hours`. */
  teeth: { share: number; hours: number } | null;
  /** Memory in proportion to the request rate. */
  load: number;
  /** Short peaks: `perHour` of `share`. Those above the heap's top leave some of it behind. */
  peaks: { share: number; perHour: number; stays: number } | null;
  /** Raised for good at this hour of its life. */
  step: { share: number; atHours: number } | null;
  /** Lasting growth in shares an hour, from this hour of its life on; `by` the clock, the requests or in bursts. */
  leak: { perHour: number; fromHours: number; by: 'time' | 'requests' | 'bursts' | 'busy' | 'root' } | null;
};

export type Traffic = (seconds: number) => number;

export function calm(random: Random): Behaviour {
  return {
    warmUp: { share: random.between(0.05, 0.3), hours: random.between(0.1, 0.6) },
    fill: null,
    creep: 0,
    wander: { share: random.between(0.001, 0.006), hours: random.between(0.05, 0.5) },
    teeth: null,
    load: random.between(0, 0.02),
    peaks: null,
    step: null,
    leak: null,
  };
}

/** A process as a function of time that must be asked in increasing steps: RSS in shares of the level, and the leak. */
export function startProcess(
  behaviour: Behaviour,
  startSeconds: number,
  traffic: Traffic,
  random: Random,
): (seconds: number) => { share: number; leaked: number } {
  const state = {
    last: startSeconds,
    wander: 0,
    tooth: random.uniform() * 0.9,
    requests: 0,
    leaked: 0,
    peak: 0,
    kept: 0,
    burst: 0,
  };
  const noise = random.between(0.0004, 0.002);
  return (seconds) => {
    const hours = Math.max(0, (seconds - state.last) / HOUR);
    const age = (seconds - startSeconds) / HOUR;
    const rate = traffic(seconds);
    state.last = seconds;
    state.requests += rate * hours;
    advanceWander(state, behaviour, hours, random);
    advanceLeak(state, behaviour, { hours, age, rate }, random);
    advancePeaks(state, behaviour, hours, random);
    const share =
      1 -
      behaviour.warmUp.share * Math.exp(-age / behaviour.warmUp.hours) +
      fillOf(behaviour, state.requests) +
      behaviour.creep * Math.log1p(age) +
      state.wander +
      advanceTeeth(state, behaviour, hours, rate, random) +
      behaviour.load * (rate - 1) +
      (behaviour.step !== null && age >= behaviour.step.atHours ? behaviour.step.share : 0) +
      state.leaked +
      Math.max(state.peak, state.kept) +
      noise * random.normal();
    return { share, leaked: state.leaked };
  };
}

type State = {
  last: number;
  wander: number;
  tooth: number;
  requests: number;
  leaked: number;
  peak: number;
  kept: number;
  burst: number;
};

function fillOf({ fill }: Behaviour, requests: number): number {
  return fill === null ? 0 : fill.share * (Math.min(1, requests / fill.hours) - 1);
}

function advanceWander(state: State, { wander }: Behaviour, hours: number, random: Random): void {
  const kept = Math.exp(-hours / wander.hours);
  state.wander = kept * state.wander + wander.share * Math.sqrt(1 - kept * kept) * random.normal();
}

function advanceLeak(
  state: State,
  { leak }: Behaviour,
  now: { hours: number; age: number; rate: number },
  random: Random,
): void {
  if (leak === null || now.age < leak.fromHours) return;
  const plain = leak.perHour * now.hours;
  switch (leak.by) {
    case 'time':
      state.leaked += plain;
      return;
    case 'requests':
      state.leaked += plain * now.rate;
      return;
    case 'busy':
      // Only in the busy phase (rate above 1): as much a whole cycle.
      state.leaked += now.rate > 1 ? 2 * plain : 0;
      return;
    case 'bursts':
      // A failing dependency: 15 min of retries about every hour.
      if (state.burst <= 0 && random.chance(now.hours / 0.75)) state.burst = 0.25;
      if (state.burst > 0) state.leaked += 4 * plain;
      state.burst -= now.hours;
      return;
    case 'root':
      // Fragmentation: fast at first, then about straight.
      state.leaked += plain * (1 + 0.8 * Math.exp(-now.age / 3));
  }
}

function advancePeaks(state: State, { peaks }: Behaviour, hours: number, random: Random): void {
  state.peak *= Math.exp(-hours / 0.08);
  if (peaks === null || !random.chance(hours * peaks.perHour)) return;
  state.peak = peaks.share * random.between(0.6, 1.2);
  state.kept = Math.max(state.kept, peaks.stays * state.peak);
}

function advanceTeeth(state: State, { teeth }: Behaviour, hours: number, rate: number, random: Random): number {
  if (teeth === null) return 0;
  state.tooth += (hours * (0.4 + 0.6 * rate)) / teeth.hours;
  if (state.tooth >= 1) state.tooth = random.between(0, 0.08);
  return teeth.share * state.tooth;
}
