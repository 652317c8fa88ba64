import { readFileSync } from 'node:fs';
import { parseCase } from '../../src/analysis/parse-case.ts';
import type { LabelledCase, Truth } from './generate.ts';

/** A labelled case as its file holds it; the fields are described in the set's own README. */
type Recorded = {
  name: string;
  kind: string;
  label: 'healthy' | 'leak';
  ground_truth_growth_bytes_per_hour: number;
  pods?: { pod: string; ground_truth_growth_bytes_per_hour: number }[];
  scored: Truth['scored'];
  truth: {
    onset: number | null;
    oom_at: number | null;
    deploy_is_change_point: boolean | null;
    returns_in_quiet: boolean | null;
    rollback: keyof typeof ROLLBACK;
    slo_state: Truth['sloState'];
  };
};

/** Kinds whose memory grows towards a level: warm-ups, caches, mapped files. */
const FILLING = ['warmup', 'lru', 'ttl', 'mmap', 'cold_cache'];

const ROLLBACK = { rollback: 'yes', do_not_roll_back: 'no', need_more_evidence: 'need-more-evidence' } as const;

/** The labelled set in a file, with its truth. */
export function readLabelled(file: string): LabelledCase[] {
  const all = JSON.parse(readFileSync(file, 'utf8')) as Recorded[];
  return all.map((recorded) => {
    const parsed = parseCase(recorded);
    if (parsed.outcome !== 'ok') throw new Error(`${recorded.name}: ${parsed.why}`);
    const { truth } = recorded;
    const rate = recorded.ground_truth_growth_bytes_per_hour;
    return {
      family: recorded.kind,
      seriesCase: parsed.value,
      truth: {
        label: recorded.label,
        fills: FILLING.some((kind) => recorded.kind.includes(kind)),
        bytesPerHour: Object.fromEntries(
          (recorded.pods ?? [{ pod: 'pod-0', ground_truth_growth_bytes_per_hour: rate }]).map((pod) => [
            pod.pod,
            pod.ground_truth_growth_bytes_per_hour,
          ]),
        ),
        onsetSeconds: truth.onset,
        oomAtSeconds: truth.oom_at,
        isChangePoint: truth.deploy_is_change_point,
        rollback: parsed.value.deployAt === null ? null : ROLLBACK[truth.rollback],
        returnsInQuiet: truth.returns_in_quiet,
        sloState: truth.slo_state,
        scored: recorded.scored,
      },
    };
  });
}
