import type { Baseline } from './baseline.ts';
import type { InstanceMemory, ServiceMemory } from './memory.ts';
import type { Policy } from './policy.ts';
import type { PodSeries, Restart, Sample, SeriesCase } from './series.ts';

/** A process and those that it replaced, oldest first; the last one runs, or was the last to run. */
type Slot = { instances: InstanceMemory[] };

/** A surge deploy starts the new process before it ends the old one: such an overlap is still a replacement. Seconds. */
const OVERLAP_SECONDS = 600;

/**
 * A service's recorded memory as a case, on epoch seconds. The deploy is the start of the release that runs now,
 * when an older one is in the window. Pods are named after their newest instance.
 */
export function toSeriesCase(given: {
  memory: ServiceMemory;
  baseline: Baseline | null;
  policy: Policy;
  nowSeconds: number;
}): SeriesCase {
  const { memory, baseline, nowSeconds } = given;
  const deployAt = deployOf(memory);
  return {
    name: null,
    now: nowSeconds,
    pods: toSlots(memory),
    // Where nothing runs, nothing reaches a limit, however it grew before.
    limitBytes: memory.instances.some(({ endedAt }) => endedAt === null) ? memory.limitBytes : null,
    deployAt,
    traffic: trafficOf(memory),
    baseline: baseline === null || baseline.profile.length === 0 ? null : baseline.profile,
    isOwnBaseline: baseline !== null && baseline.release === runningRelease(memory),
    sloBaselineBytes: healthyLevel(baseline),
  };
}

/**
 * The level that budgets are of: the upper one where the healthy release went up and down. A service whose busy hours hold
 * a quarter more than its quiet ones was healthy in both, and is so today.
 */
function healthyLevel(baseline: Baseline | null): number | null {
  return baseline === null ? null : baseline.bytes + baseline.spreadBytes;
}

/** Load figures that leave out more than this share of the samples' time, at either end, would be guessed there. */
const UNCOVERED = 0.1;

function trafficOf({ traffic, instances }: ServiceMemory): SeriesCase['traffic'] {
  const from = Math.min(...instances.map(({ samples }) => samples[0]?.[0] ?? Number.POSITIVE_INFINITY));
  const to = Math.max(...instances.map(({ samples }) => samples.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY));
  const [first, last] = [traffic?.[0], traffic?.at(-1)];
  if (traffic == null || first === undefined || last === undefined) return null;
  const slack = UNCOVERED * (to - from);
  return first[0] <= from + slack && last[0] >= to - slack ? traffic : null;
}

/**
 * One series a running slot. An instance continues the slot of the one that ended nearest to its start, or that it
 * replaces in a rolling deploy; a change of release is the restart reason `deploy`, an OOM kill `oom`. Slots that
 * nothing runs in any more, or only an older release, are left out while others run.
 */
export function toSlots(memory: ServiceMemory): PodSeries[] {
  const slots: Slot[] = [];
  const ordered = memory.instances
    .filter(({ samples }) => samples.length > 0)
    .toSorted((a, b) => startOf(a) - startOf(b) || (a.instance < b.instance ? -1 : 1));
  for (const instance of ordered) {
    const before = predecessor(slots, instance);
    if (before === null) slots.push({ instances: [instance] });
    else before.instances.push(instance);
  }
  return runningSlots(slots, runningRelease(memory)).map(toPod);
}

function startOf({ startedAt, samples }: InstanceMemory): number {
  return startedAt ?? samples[0]?.[0] ?? 0;
}

function predecessor(slots: readonly Slot[], next: InstanceMemory): Slot | null {
  const start = startOf(next);
  let best: { slot: Slot; distance: number } | null = null;
  for (const slot of slots) {
    const last = slot.instances.at(-1);
    if (last === undefined) continue;
    const changes = last.release !== next.release;
    const end = last.endedAt ?? (changes ? Number.POSITIVE_INFINITY : null);
    if (end === null || (end > start + OVERLAP_SECONDS && !(changes && last.endedAt === null))) continue;
    // Still running beside its successor: a worse match than one that ended about now, a better one than none.
    const distance = Number.isFinite(end) ? Math.abs(start - end) : Number.MAX_VALUE;
    if (best === null || distance < best.distance) best = { slot, distance };
  }
  return best?.slot ?? null;
}

/**
 * The release that runs: of the running instances' releases the one that was deployed last, so that a worker of the old
 * release that is recycled beside a new one changes nothing. Of what ended, where nothing runs. Null: not known.
 */
export function runningRelease({ instances, deploys }: Pick<ServiceMemory, 'instances' | 'deploys'>): string | null {
  const ordered = instances.filter(({ samples }) => samples.length > 0).toSorted((a, b) => startOf(a) - startOf(b));
  const running = ordered.filter(({ endedAt }) => endedAt === null);
  const newest = running.at(-1) ?? ordered.at(-1);
  if (newest === undefined || newest.release === null) return null;
  const deployed = deploys.findLast((deploy) => running.some(({ release }) => release === deploy.release));
  return deployed?.release ?? newest.release;
}

function runningSlots(slots: readonly Slot[], release: string | null): readonly Slot[] {
  const newest = (slot: Slot) => slot.instances.at(-1);
  const live = slots.filter((slot) => newest(slot)?.endedAt === null && newest(slot)?.release === release);
  return live.length > 0 ? live : slots;
}

function toPod({ instances }: Slot): PodSeries {
  const samples: Sample[] = [];
  const restarts: Restart[] = [];
  for (const [i, instance] of instances.entries()) {
    const before = instances[i - 1];
    const after = instances[i + 1];
    const until = after === undefined ? Number.POSITIVE_INFINITY : startOf(after);
    if (before !== undefined || instance.startedAt !== null) {
      restarts.push([startOf(instance), before === undefined ? 'start' : reasonOf(before, instance)]);
    }
    for (const sample of instance.samples) if (sample[0] < until) samples.push(sample);
  }
  return { pod: instances.at(-1)?.instance ?? '', samples, restarts };
}

function reasonOf(before: InstanceMemory, next: InstanceMemory): string {
  if (before.release !== next.release) return 'deploy';
  return before.endReason ?? 'restart';
}

/** Start of the present release's latest run, when another release ran before it. Epoch seconds, or null. */
function deployOf(memory: ServiceMemory): number | null {
  const ordered = memory.instances
    .filter(({ samples }) => samples.length > 0)
    .toSorted((a, b) => startOf(a) - startOf(b));
  const release = runningRelease(memory);
  const others = ordered.filter((instance) => instance.release !== release);
  const last = others.at(-1);
  if (last === undefined) return null;
  // A release that came back after another one (a rollback) counts from its return, not from its first start. The other
  // one counts from its own deploy: workers of it may be recycled for long after that.
  const deployed = memory.deploys.findLast((deploy) => others.some((other) => other.release === deploy.release));
  const otherFrom = last.release === null ? startOf(last) : Math.min(startOf(last), deployed?.at ?? startOf(last));
  const run = ordered.filter((instance) => instance.release === release && startOf(instance) > otherFrom);
  const first = run[0];
  return first === undefined ? null : startOf(first);
}
