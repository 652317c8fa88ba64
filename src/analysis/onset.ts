import type { Atom } from './atoms.ts';
import type { Model } from './fit.ts';
import type { GrowthFit } from './growth.ts';
import { seenSince } from './lives.ts';

const PARTS = 16;
/** Growth has begun where the fitted slope reaches this share of its present one and stays there. */
const BEGUN = 0.5;
/** Models that carry this share of the weight decide; the rest only blur. */
const DECIDING_WEIGHT = 0.95;

/**
 * When growth began, case seconds: the weighted median over the models of the earliest time from which the fitted
 * slope stays above half its present one. Growth from the first sample on began with the process where that was seen
 * from its start, else with the first sample: at the latest.
 */
export function onsetOf(fit: GrowthFit): number | null {
  const growing = fit.models.filter((model) => model.rate > 0).toSorted((a, b) => b.weight - a.weight);
  const total = growing.reduce((sum, { weight }) => sum + weight, 0);
  const places: { place: number; weight: number }[] = [];
  let seen = 0;
  for (const model of growing) {
    if (seen > DECIDING_WEIGHT * total) break;
    places.push({ place: onsetPlace(model), weight: model.weight });
    seen += model.weight;
  }
  places.sort((a, b) => a.place - b.place);
  let sum = 0;
  for (const { place, weight } of places) {
    sum += weight;
    if (sum >= seen / 2) return toSeconds(fit, place);
  }
  return null;
}

function toSeconds(fit: GrowthFit, place: number): number | null {
  const [first] = fit.lives;
  if (first === undefined) return null;
  if (place === 0) return seenSince(first);
  const last = fit.lives.at(-1) ?? first;
  return last.startSeconds + fit.span.from + place * fit.span.seconds;
}

function onsetPlace(model: Model): number {
  let place = 1;
  for (let part = PARTS - 1; part >= 0; part -= 1) {
    if (slopeOver(model, part / PARTS) < BEGUN * model.rate) break;
    place = part / PARTS;
  }
  return place;
}

/** Fitted slope over a sixteenth from x on; steps are no slope. */
function slopeOver(model: Model, x: number): number {
  const slope = (atom: Atom | null, size: number) => (atom === null ? 0 : size * atomSlope(atom, x));
  return slope(model.first, model.firstSize) + slope(model.second, model.secondSize);
}

function atomSlope(atom: Atom, x: number): number {
  switch (atom.shape) {
    case 'warm-up':
      return (Math.exp(-x / atom.place) - Math.exp(-(x + 1 / PARTS) / atom.place)) * PARTS;
    case 'ramp-then-flat':
      return x < atom.place ? 1 : 0;
    case 'step':
      return 0;
    case 'line':
    case 'traffic':
      return 1;
    case 'hinge':
      return x >= atom.place ? 1 : 0;
  }
}
