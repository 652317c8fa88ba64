import type { Life } from './lives.ts';
import { median } from './quantiles.ts';
import { dot, orthonormal, project } from './whitening.ts';

export const DAY_SECONDS = 86_400;
/** Below a day and a quarter a daily cycle can't be told from a trend. */
const SHORTEST_SECONDS = 1.25 * DAY_SECONDS;
const BIN_SECONDS = 3600;
/** Share of the detrended variance that a cycle of a day (and half a day) must explain. */
const EXPLAINS = 0.5;

/** Does the life's memory follow the clock? Least squares of hourly medians on trend, 24 h and 12 h harmonics. */
export function isDaily({ samples }: Life): boolean {
  const first = samples[0]?.[0] ?? 0;
  if ((samples.at(-1)?.[0] ?? 0) - first < SHORTEST_SECONDS) return false;
  const hours = new Map<number, number[]>();
  for (const [seconds, bytes] of samples) {
    const hour = Math.floor((seconds - first) / BIN_SECONDS);
    const found = hours.get(hour);
    if (found === undefined) hours.set(hour, [bytes]);
    else found.push(bytes);
  }
  const at = Float64Array.from(hours.keys());
  const levels = Float64Array.from([...hours.values()].map(median));
  const turn = (hour: number) => (2 * Math.PI * hour) / 24;
  const trend = orthonormal([at.map(() => 1), at.slice()]);
  const cycle = orthonormal(
    [1, 2].flatMap((k) => [
      project(
        at.map((hour) => Math.cos(k * turn(hour))),
        trend,
      ),
      project(
        at.map((hour) => Math.sin(k * turn(hour))),
        trend,
      ),
    ]),
  );
  const before = project(levels, trend);
  const all = dot(before, before);
  const left = project(before, cycle);
  return all > 0 && 1 - dot(left, left) / all > EXPLAINS;
}
