/** Writes test/analysis/fixtures/cases.json: a few seeded cases in the form that `memtriage analyze` reads. */
import { writeFileSync } from 'node:fs';
import { FAMILIES } from './families.ts';
import { generateCase } from './generate.ts';

const SEED = 11;
const KEPT = [
  'healthy/steady healthy/gc_sawtooth healthy/quiet_return healthy/lru_fill healthy/recycle_healthy healthy/deploy_step',
  'healthy/highwater healthy/deploy_fix healthy/deploy_fresh leak/linear leak/sawtooth leak/phase_b leak/recycle',
  'leak/one_of_4 leak/late_onset leak/before_deploy leak/deploy leak/quiet_noreturn',
].flatMap((line) => line.split(' '));

const [file = 'test/analysis/fixtures/cases.json'] = process.argv.slice(2);
const lines = FAMILIES.filter(({ label, name }) => KEPT.includes(`${label}/${name}`)).map((family) => {
  const { seriesCase, truth } = generateCase(family, SEED);
  // Every third sample: enough to decide, small enough to keep.
  const thin = <T>(values: readonly T[]) => values.filter((_, i) => i % 3 === 0);
  return JSON.stringify({
    name: seriesCase.name,
    now: seriesCase.now,
    pods: seriesCase.pods.map((pod) => ({ ...pod, samples: thin(pod.samples) })),
    limit_bytes: seriesCase.limitBytes,
    deploy_at: seriesCase.deployAt,
    traffic: seriesCase.traffic,
    baseline: seriesCase.baseline,
    slo: { baseline_bytes: seriesCase.sloBaselineBytes },
    truth: {
      label: truth.label,
      rollback: truth.rollback,
      bytesPerHour: Math.max(...Object.values(truth.bytesPerHour)),
    },
  });
});
writeFileSync(file, `[\n${lines.join(',\n')}\n]\n`);
