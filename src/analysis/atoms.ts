/**
 * Shapes of memory over a life, each on x = 0..1 (place in the longest life): what the fit may combine, one or two
 * at a time, over an intercept.
 */
export type Atom = {
  /** `warm-up` 1-exp(-x/p); `ramp-then-flat` min(x,p); `step` at p; `line`; `traffic` per request; `hinge` max(0,x-p). */
  shape: 'warm-up' | 'ramp-then-flat' | 'step' | 'line' | 'traffic' | 'hinge';
  place: number;
  /** Free parameters in the BIC: a located shape counts its place. */
  parameters: number;
  /** Mean slope over the last quarter (x = 0.75..1) of a unit coefficient: the slope that decides. */
  lastQuarterSlope: number;
  /** Slope at x = 1 of a unit coefficient: the rate that is told. */
  presentSlope: number;
};

/** Where "the last quarter" begins. Growth that ended before it is history: a filled cache, a high-water mark. */
const LAST_QUARTER = 0.75;
/** A ramp that flattens inside the last quarter is a guess about the future: this much in BIC against it. */
const LATE_FLATTENING_PENALTY = 1.5;
const WARM_UP_TIMES = [0.03, 0.06, 0.1, 0.16, 0.25, 0.4, 0.65, 1] as const;
const PLACES = Array.from({ length: 15 }, (_, i) => (i + 1) / 16);

function warmUp(place: number): Atom {
  const fallen = (x: number) => Math.exp(-x / place);
  const lastQuarterSlope = (fallen(LAST_QUARTER) - fallen(1)) / (1 - LAST_QUARTER);
  return { shape: 'warm-up', place, parameters: 2, lastQuarterSlope, presentSlope: fallen(1) / place };
}

function rampThenFlat(place: number): Atom {
  const lastQuarterSlope = Math.max(0, place - LAST_QUARTER) / (1 - LAST_QUARTER);
  const parameters = 2 + (place > LAST_QUARTER ? LATE_FLATTENING_PENALTY : 0);
  // A pause at the very end of a growth that goes on (retries come in bursts): its rate is that of the last quarter.
  return { shape: 'ramp-then-flat', place, parameters, lastQuarterSlope, presentSlope: lastQuarterSlope };
}

function hinge(place: number): Atom {
  const lastQuarterSlope = Math.min(1, (1 - place) / (1 - LAST_QUARTER));
  return { shape: 'hinge', place, parameters: 2, lastQuarterSlope, presentSlope: 1 };
}

const LINE: Atom = { shape: 'line', place: 0, parameters: 1, lastQuarterSlope: 1, presentSlope: 1 };
const TRAFFIC: Atom = { shape: 'traffic', place: 0, parameters: 1, lastQuarterSlope: 1, presentSlope: 1 };
const STEP = { shape: 'step', parameters: 2, lastQuarterSlope: 0, presentSlope: 0 } as const;

const WITHOUT_TRAFFIC: readonly Atom[] = [
  LINE,
  ...WARM_UP_TIMES.map(warmUp),
  ...PLACES.map(rampThenFlat),
  ...PLACES.map((place): Atom => ({ ...STEP, place })),
  ...PLACES.map(hinge),
];
const WITH_TRAFFIC: readonly Atom[] = [...WITHOUT_TRAFFIC, TRAFFIC];

/** The dictionary: 54 shapes, and growth per request where traffic is known. */
export function atomsFor(hasTraffic: boolean): readonly Atom[] {
  return hasTraffic ? WITH_TRAFFIC : WITHOUT_TRAFFIC;
}

/** Value of a shape at x; `traffic` is the cumulative request share up to x. */
export function atomValue(atom: Atom, x: number, traffic: number): number {
  switch (atom.shape) {
    case 'warm-up':
      return 1 - Math.exp(-x / atom.place);
    case 'ramp-then-flat':
      return Math.min(x, atom.place);
    case 'step':
      return x >= atom.place ? 1 : 0;
    case 'line':
      return x;
    case 'traffic':
      return traffic;
    case 'hinge':
      return Math.max(0, x - atom.place);
  }
}
