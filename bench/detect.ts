/**
 * How well and how fast the detection core answers: `bench/detect.ts [LABELLED.json]`, with peers in the same run.
 * On a labelled set (argument or MEMTRIAGE_DETECT) and on fresh seeded series. `--seeds N` a family (default 37: 925
 * healthy, 1,036 leaking), `--first` seed, `--wrong` lists what went wrong, `--online N` seeds a family through time.
 */
import { parseArgs } from 'node:util';
import { analyzeSeries } from '../src/analysis/analyze-series.ts';
import { DEFAULT_POLICY } from '../src/analysis/policy.ts';
import type { SeriesCase } from '../src/analysis/series.ts';
import { settingsFrom } from '../src/analysis/settings.ts';
import { FAMILIES } from './detect/families.ts';
import { generateCase, type LabelledCase } from './detect/generate.ts';
import { readLabelled } from './detect/labelled.ts';
import { renderOnline, scoreOnline } from './detect/online.ts';
import { PEERS } from './detect/peers.ts';
import { type Answer, renderScore, score } from './detect/score.ts';
import { printSpeed } from './detect/speed.ts';

const { values, positionals } = parseArgs({
  options: {
    seeds: { type: 'string', default: '37' },
    first: { type: 'string', default: '100001' },
    online: { type: 'string', default: '4' },
    wrong: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const settings = settingsFrom({ ...DEFAULT_POLICY, critical: { ...DEFAULT_POLICY.critical, withinSeconds: 6 * 3600 } });

const detectors: Readonly<Record<string, (seriesCase: SeriesCase) => Answer>> = { memtriage: ours, ...PEERS };

function ours(seriesCase: SeriesCase): Answer {
  const analysis = analyzeSeries(seriesCase, settings);
  const { growth } = analysis;
  return {
    leaking: analysis.leaking,
    pod: analysis.pod,
    bytesPerHour: growth === null ? null : { estimate: growth.bytesPerHour, low: growth.low, high: growth.high },
    timeToLimit: analysis.timeToLimitSeconds,
    analysis,
  };
}

function report(title: string, cases: readonly LabelledCase[]): void {
  console.log(`\n${title}: ${cases.length} cases, judged at their end`);
  for (const [name, detect] of Object.entries(detectors)) {
    const result = score(
      cases,
      cases.map(({ seriesCase }) => detect(seriesCase)),
    );
    console.log(renderScore(name, result));
    if (values.wrong && name === 'memtriage') for (const line of result.wrong) console.log('   ', line);
  }
}

function reportOnline(title: string, cases: readonly LabelledCase[]): void {
  console.log(`\n${title}: ${cases.length} cases, judged through time`);
  for (const [name, detect] of Object.entries(detectors)) {
    const result = scoreOnline(cases, (seriesCase) => detect(seriesCase).leaking === true);
    console.log(renderOnline(name, result));
    if (values.wrong && name === 'memtriage') console.log('   ', result.alarmed.join(', '));
  }
}

function fresh(seeds: number): LabelledCase[] {
  const first = Number(values.first);
  return FAMILIES.flatMap((family) => Array.from({ length: seeds }, (_, i) => generateCase(family, first + i)));
}

const file = positionals[0] ?? process.env.MEMTRIAGE_DETECT;
const labelled = file === undefined ? [] : readLabelled(file);
if (labelled.length > 0) report('Labelled set', labelled);
if (Number(values.seeds) > 0) report('Fresh synthetic series', fresh(Number(values.seeds)));
if (Number(values.online) > 0) {
  if (labelled.length > 0) reportOnline('Labelled set', labelled);
  reportOnline('Fresh synthetic series', fresh(Number(values.online)));
}
console.log('\nSpeed, one core');
printSpeed(settings);
