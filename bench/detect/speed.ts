import { analyzeSeries } from '../../src/analysis/analyze-series.ts';
import type { Sample, SeriesCase } from '../../src/analysis/series.ts';
import type { AnalysisSettings } from '../../src/analysis/settings.ts';
import { seeded } from './random.ts';
import { calm, startProcess } from './service.ts';

const STEP_SECONDS = 15;

/** A service of one process sampled every 15 s; every third has a sawtooth. */
function service(seed: number, hours: number): SeriesCase {
  const random = seeded(seed);
  const teeth = seed % 3 === 0 ? { share: 0.1, hours: 0.5 } : null;
  const process = startProcess({ ...calm(random), teeth }, 0, () => 1, random);
  const samples = Array.from({ length: (hours * 3600) / STEP_SECONDS }, (_, i): Sample => {
    const t = (i + 1) * STEP_SECONDS;
    return [t, Math.round((process(t).share * 2e8) / 4096) * 4096];
  });
  return {
    name: null,
    now: hours * 3600,
    pods: [{ pod: 'pod-0', samples, restarts: [] }],
    limitBytes: 4e8,
    deployAt: null,
    traffic: null,
    baseline: null,
    sloBaselineBytes: 2e8,
  };
}

/** Full analysis of many services, and how the cost grows with length and number. */
export function printSpeed(settings: AnalysisSettings): void {
  for (const [many, hours] of [
    [250, 24],
    [1000, 24],
    [250, 48],
    [250, 96],
  ] as const) {
    // A few series over and over: what is measured is the analysis, not the memory of a thousand days.
    const cases = Array.from({ length: 50 }, (_, i) => service(i + 1, hours));
    for (const seriesCase of cases.slice(0, 10)) analyzeSeries(seriesCase, settings);
    const began = process.cpuUsage();
    for (let i = 0; i < many; i += 1) {
      const seriesCase = cases[i % cases.length];
      if (seriesCase !== undefined) analyzeSeries(seriesCase, settings);
    }
    const used = process.cpuUsage(began);
    const seconds = (used.user + used.system) / 1e6;
    console.log(
      `${many} services x ${hours} h at ${STEP_SECONDS} s: ${seconds.toFixed(2)} s of CPU (${((1000 * seconds) / many).toFixed(2)} ms each)`,
    );
  }
}
