import { quantile } from '../../src/analysis/quantiles.ts';
import type { SeriesCase } from '../../src/analysis/series.ts';
import type { LabelledCase } from './generate.ts';

const HOUR = 3600;
/** A second look agrees before anybody is called. */
const LOOKS_IN_A_ROW = 2;

export type Online = {
  healthy: number;
  healthyAlarmed: number;
  calm: number;
  calmAlarmed: number;
  leaks: number;
  leaksAlarmed: number;
  delaysHours: number[];
  growthsAtAlarm: number[];
  alarmed: string[];
};

/** A case as it was at an earlier moment: nothing after it is known. */
function asOf(seriesCase: SeriesCase, now: number): SeriesCase {
  const until = <T extends readonly [number, unknown]>(pairs: readonly T[]) => pairs.filter(([t]) => t <= now);
  return {
    ...seriesCase,
    now,
    pods: seriesCase.pods.map((pod) => ({ ...pod, samples: until(pod.samples), restarts: until(pod.restarts) })),
    deployAt: seriesCase.deployAt !== null && seriesCase.deployAt <= now ? seriesCase.deployAt : null,
    traffic: seriesCase.traffic === null ? null : until(seriesCase.traffic),
  };
}

/** Looks every 30 min (a 24th of long windows) from the first hour on; an alarm is two looks in a row. */
export function scoreOnline(cases: readonly LabelledCase[], isLeaking: (seriesCase: SeriesCase) => boolean): Online {
  const total: Online = {
    healthy: 0,
    healthyAlarmed: 0,
    calm: 0,
    calmAlarmed: 0,
    leaks: 0,
    leaksAlarmed: 0,
    delaysHours: [],
    growthsAtAlarm: [],
    alarmed: [],
  };
  for (const labelled of cases) {
    const { seriesCase, truth } = labelled;
    if (!truth.scored.detect) continue;
    if (truth.label === 'healthy' && seriesCase.deployAt !== null && labelled.family.includes('deploy_fix')) continue;
    const at = firstAlarm(seriesCase, truth.label === 'leak' ? (truth.onsetSeconds ?? 0) : 0, isLeaking);
    if (truth.label === 'leak') {
      total.leaks += 1;
      if (at === null) continue;
      total.leaksAlarmed += 1;
      const hours = (at - (truth.onsetSeconds ?? 0)) / HOUR;
      total.delaysHours.push(hours);
      total.growthsAtAlarm.push((hours * Math.max(...Object.values(truth.bytesPerHour))) / levelAt(seriesCase));
    } else {
      total.healthy += 1;
      if (!truth.fills) total.calm += 1;
      if (at === null) continue;
      total.healthyAlarmed += 1;
      if (!truth.fills) total.calmAlarmed += 1;
      total.alarmed.push(`${seriesCase.name ?? ''} at ${((100 * at) / seriesCase.now).toFixed(0)} %`);
    }
  }
  return total;
}

function firstAlarm(seriesCase: SeriesCase, from: number, isLeaking: (at: SeriesCase) => boolean): number | null {
  const stride = Math.max(HOUR / 2, seriesCase.now / 24);
  let inARow = 0;
  for (let at = HOUR; at <= seriesCase.now; at += stride) {
    inARow = isLeaking(asOf(seriesCase, at)) ? inARow + 1 : 0;
    if (inARow >= LOOKS_IN_A_ROW && at > from) return at;
  }
  return null;
}

function levelAt({ pods }: SeriesCase): number {
  return quantile(
    pods.flatMap(({ samples }) => samples.slice(0, Math.ceil(samples.length / 4)).map(([, bytes]) => bytes)),
    0.5,
  );
}

export function renderOnline(name: string, it: Online): string {
  const share = (part: number, all: number) => `${part}/${all} (${((100 * part) / Math.max(1, all)).toFixed(1)} %)`;
  const at = (values: readonly number[], q: number) => (values.length === 0 ? Number.NaN : quantile(values, q));
  return [
    name.padEnd(30),
    `healthy with any alarm, not filling ${share(it.calmAlarmed, it.calm)}, all ${share(it.healthyAlarmed, it.healthy)}`,
    `leaks alarmed ${share(it.leaksAlarmed, it.leaks)}`,
    `delay ${at(it.delaysHours, 0.5).toFixed(1)} h p90 ${at(it.delaysHours, 0.9).toFixed(1)} h`,
    `growth at alarm ${(100 * at(it.growthsAtAlarm, 0.5)).toFixed(1)} % p90 ${(100 * at(it.growthsAtAlarm, 0.9)).toFixed(1)} %`,
  ].join('  ');
}
