import { describeBreak } from '../../analysis/broken-off.ts';
import type { Snapshot } from '../../analysis/snapshot.ts';
import { wereContainersCompared } from '../../analysis/snapshot-diff.ts';
import { findingOf } from '../../report/build-report.ts';
import { formatBytes, formatDuration } from '../../units.ts';
import type { StepContext, StepOutcome } from '../context.ts';
import { notDone } from './not-done.ts';

/** Of the step's time: what a look that does not end has seen so far is asked for while there is time to answer. */
const OF_THE_STEP = 0.9;

/** `snapshot`: two looks into the live process that grows fastest, by a job on the queue of its site. */
export async function snapshot(context: StepContext): Promise<StepOutcome> {
  const { ports, service, incident, results, takeSnapshot, withinSeconds, signal } = context;
  if (!takeSnapshot) return { outcome: 'inconclusive', note: 'not taken: it was asked to leave it out', finding: null };
  const answer = await ports.snapshots.takeSnapshot(
    {
      key: `${incident.id}/snapshot${incident.round === undefined ? '' : `-${incident.round}`}`,
      service: service.name,
      site: service.site,
      instance: findingOf(results, 'compare')?.worstInstance ?? null,
      withinSeconds: withinSeconds * OF_THE_STEP,
    },
    signal,
  );
  if (answer.outcome !== 'ok') return notDone(answer);
  const finding = { kind: 'snapshot', snapshot: answer.value } as const;
  const { brokenOff } = answer.value;
  if (brokenOff !== undefined) return { outcome: 'inconclusive', note: describeBreak(brokenOff), finding };
  return { outcome: 'ok', note: describe(answer.value), finding };
}

function describe(taken: Snapshot): string {
  const window = `${formatDuration(taken.windowSeconds)} look at ${taken.instance}`;
  const [top] = (taken.containers ?? []).filter((container) => (container.lengthDiff ?? 0) > 0);
  if (top !== undefined) {
    return `${window}: ${top.path} (${top.type}) grew by ${top.lengthDiff} to ${top.length} entries`;
  }
  const delta = taken.rssDeltaBytes === null ? '' : `, RSS changed by ${formatBytes(taken.rssDeltaBytes)}`;
  const seen = taken.containers === null ? 'the inside was not seen' : 'which containers grew is not known';
  return `${window}: ${wereContainersCompared(taken) ? 'no named container grew' : seen}${delta}`;
}
