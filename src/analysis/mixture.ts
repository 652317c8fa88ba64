import type { Model } from './fit.ts';
import { studentCdf } from './quantiles.ts';
import type { Interval } from './series.ts';

/** P(last-quarter slope > threshold) under the average of the models. Levels a span. */
export function probabilityAbove(models: readonly Model[], threshold: number): number {
  let sum = 0;
  for (const model of models) sum += model.weight * shareAbove(model, threshold);
  return Math.min(1, Math.max(0, sum));
}

function shareAbove(model: Model, threshold: number): number {
  return studentCdf((model.slope - threshold) / model.slopeError, model.degrees);
}

/** Half-width of the central 95 % of the last-quarter slope, t-scaled: how well a series tells its growth. */
export function slopeUncertainty(models: readonly Model[]): number {
  let centre = 0;
  for (const model of models) centre += model.weight * model.slope;
  let variance = 0;
  for (const model of models) {
    const heavy = model.slopeError * (1 + 2.5 / model.degrees);
    variance += model.weight * (heavy * heavy + (model.slope - centre) ** 2);
  }
  return Math.sqrt(variance);
}

/**
 * Median and central 95 % of the present rate. `givenAbove`: only as far as models grow faster than this threshold
 * (asked for once growth is established), else null.
 */
export function rateInterval(models: readonly Model[], givenAbove: number | null): Interval {
  const weighted =
    givenAbove === null
      ? models
      : models.map((model) => ({ ...model, weight: model.weight * shareAbove(model, givenAbove) }));
  const total = weighted.reduce((sum, { weight }) => sum + weight, 0);
  const relevant = weighted.filter(({ weight }) => weight > total * 0.0005);
  return {
    estimate: rateQuantile(relevant, 0.5),
    low: rateQuantile(relevant, 0.025),
    high: rateQuantile(relevant, 0.975),
  };
}

/** By bisection on the mixture's distribution function, to 1/4000 of its reach. */
function rateQuantile(models: readonly Model[], share: number): number {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  let total = 0;
  for (const { rate, rateError, weight } of models) {
    low = Math.min(low, rate - 15 * rateError);
    high = Math.max(high, rate + 15 * rateError);
    total += weight;
  }
  for (let round = 0; round < 18; round += 1) {
    const middle = (low + high) / 2;
    let below = 0;
    for (const { rate, rateError, weight, degrees } of models) {
      below += weight * studentCdf((middle - rate) / rateError, degrees);
    }
    if (below < share * total) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
