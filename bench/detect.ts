/**
 * How well and how fast the detection core answers: `bench/detect.ts [LABELLED.json] [--seeds N] [--wrong]`.
 * On a labelled set (argument or MEMTRIAGE_DETECT) and on fresh seeded series, with peers in the same run.
 */
import { parseArgs } from 'node:util';
import { analyzeSeries } from '../src/analysis/analyze-series.ts';
import { DEFAULT_POLICY } from '../src/analysis/policy.ts';
import type { SeriesCase } from '../src/analysis/series.ts';
import { settingsFrom } from '../src/analysis/settings.ts';
import { FAMILIES } from './detect/families.ts';
import { generateCase, type LabelledCase } from './detect/generate.ts';
import { readLabelled } from './detect/labelled.ts';
import { type Answer, renderScore, score } from './detect/score.ts';

const { values, positionals } = parseArgs({
  options: {
    seeds: { type: 'string', default: '35' },
    first: { type: 'string', default: '1' },
    wrong: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const settings = settingsFrom({ ...DEFAULT_POLICY, critical: { ...DEFAULT_POLICY.critical, withinSeconds: 6 * 3600 } });

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
  const began = performance.now();
  const result = score(
    cases,
    cases.map(({ seriesCase }) => ours(seriesCase)),
  );
  const each = (performance.now() - began) / cases.length;
  console.log(renderScore(`${title} (${cases.length})`, result), ` ${each.toFixed(1)} ms a case`);
  if (values.wrong) for (const line of result.wrong) console.log('   ', line);
}

const labelled = positionals[0] ?? process.env.MEMTRIAGE_DETECT;
if (labelled !== undefined) report('labelled', readLabelled(labelled));
const seeds = Number(values.seeds);
const first = Number(values.first);
if (seeds > 0) {
  const fresh = FAMILIES.flatMap((family) => Array.from({ length: seeds }, (_, i) => generateCase(family, first + i)));
  report('fresh', fresh);
}
