import type { Sample, SeriesCase } from '../../src/analysis/series.ts';
import type { Family } from './families.ts';
import { type Random, seeded } from './random.ts';
import { type Behaviour, calm, startProcess, type Traffic } from './service.ts';

/** What is true of a case; null: not applicable or not clear. Bytes, hours and seconds as named. */
export type Truth = {
  label: 'healthy' | 'leak';
  fills: boolean;
  bytesPerHour: Readonly<Record<string, number>>;
  onsetSeconds: number | null;
  oomAtSeconds: number | null;
  isChangePoint: boolean | null;
  rollback: 'yes' | 'no' | 'need-more-evidence' | null;
  returnsInQuiet: boolean | null;
  sloState: 'ok' | 'warning' | 'critical' | null;
  /** What the case is meant for; a truth that is null is never scored. */
  scored: { detect: boolean; rate: boolean; oom: boolean };
};

export type LabelledCase = { family: string; seriesCase: SeriesCase; truth: Truth };

const PAGE = 4096;
const HOUR = 3600;
/** Simulated beyond `now`, so that the time of the OOM kill is measured and not extrapolated. */
const SHOWN = 0.65;

/** One case of a family: the same family and seed give the same case. */
export function generateCase(family: Family, seed: number): LabelledCase {
  const random = seeded(seed * 2654435761 + hash(family.name + family.label));
  const hours = family.hours(random);
  const now = hours * HOUR;
  const step = Math.max(15, Math.round(now / random.between(900, 1400) / 15) * 15);
  const traffic = toTraffic(family.load ?? 'flat', now, random);
  const level = random.logBetween(60e6, 600e6);
  const after = family.behaviour(random, hours);
  const plan: Plan = { family, random, now, step, traffic, level, after, deployAt: deployOf(family, now, random) };
  const first = simulatePods(plan);
  const limitBytes = first.peak * random.between(1.04, 1.5);
  const oomAtSeconds = first.pods.reduce<number | null>((earliest, pod) => {
    const at = pod.all.find(([seconds, bytes]) => seconds > now && bytes >= limitBytes)?.[0] ?? null;
    return at !== null && (earliest === null || at < earliest) ? at : earliest;
  }, null);
  const healthy = family.label === 'healthy' ? after : { ...after, leak: null };
  const profile = family.deploy === undefined && random.chance(0.6) ? toProfile(plan, healthy) : null;
  return {
    family: `${family.label}/${family.name}`,
    seriesCase: {
      name: `${family.label}-${family.name}-${seed}`,
      now,
      pods: first.pods.map(({ pod, shown, restarts }) => ({ pod, samples: shown, restarts })),
      limitBytes: first.limit ?? limitBytes,
      deployAt: plan.deployAt,
      traffic: family.hidesTraffic === true || random.chance(0.2) ? null : toPoints(traffic, now),
      baseline: profile,
      sloBaselineBytes: random.chance(0.6) ? Math.round(level) : null,
    },
    truth: truthOf(plan, first.pods, oomAtSeconds),
  };
}

type Plan = {
  family: Family;
  random: Random;
  now: number;
  step: number;
  traffic: Traffic;
  level: number;
  after: Behaviour;
  deployAt: number | null;
};

type SimulatedPod = {
  pod: string;
  all: Sample[];
  shown: Sample[];
  restarts: (readonly [number, string])[];
  leakBytesPerHour: number;
};

function deployOf({ deploy }: Family, now: number, random: Random): number | null {
  return deploy === undefined ? null : Math.round(now * deploy(random));
}

function simulatePods(plan: Plan): { pods: SimulatedPod[]; peak: number; limit: number | null } {
  const { family, level, random, now } = plan;
  const limit = family.diesAtLimit === true ? level * random.between(1.4, 2) : null;
  const many = family.pods ?? 1;
  const pods = Array.from({ length: many }, (_, i) => {
    const isHealthyPod = family.label === 'leak' && i >= (family.leakingPods ?? many);
    return simulatePod(plan, `pod-${i}`, isHealthyPod ? { ...plan.after, leak: null } : plan.after, limit);
  });
  const peak = Math.max(...pods.flatMap(({ all }) => all.filter(([t]) => t <= now).map(([, bytes]) => bytes)));
  return { pods, peak, limit };
}

function simulatePod(plan: Plan, pod: string, after: Behaviour, limit: number | null): SimulatedPod {
  const { random, now, step, traffic, family, deployAt } = plan;
  const level = plan.level * random.between(0.97, 1.03);
  const before = family.before?.(random, now / HOUR, after) ?? {
    ...calm(random),
    teeth: after.teeth,
    load: after.load,
  };
  const end = family.recycleHours !== undefined || limit !== null ? now : now / SHOWN;
  const restarts: [number, string][] = [];
  const all: Sample[] = [];
  let process = startProcess(deployAt === null ? after : before, 0, traffic, random);
  let recycleAt = nextRecycle(plan, 0);
  let life = { from: 0, leaked: 0, last: 0 };
  let isOld = deployAt !== null;
  for (let t = step; t <= end; t += step * random.between(0.9, 1.1)) {
    const reason = isOld && t >= (deployAt ?? 0) ? 'deploy' : t >= recycleAt ? 'recycle' : null;
    const dies = limit !== null && (all.at(-1)?.[1] ?? 0) >= limit;
    if (reason !== null || dies) {
      restarts.push([t, dies ? 'oom' : (reason ?? 'restart')]);
      if (reason === 'deploy') isOld = false;
      process = startProcess(isOld ? before : after, t, traffic, random);
      recycleAt = nextRecycle(plan, t);
      life = { from: t, leaked: 0, last: t };
    }
    const { share, leaked } = process(t);
    if (t <= now) life = { ...life, leaked, last: t };
    all.push([Math.round(t), Math.max(PAGE, Math.round((share * level) / PAGE) * PAGE)]);
  }
  return {
    pod,
    all,
    shown: withGaps(
      all.filter(([t]) => t <= now),
      plan,
    ),
    restarts,
    leakBytesPerHour: leakRate(after, level, life),
  };
}

function nextRecycle({ family, random }: Plan, from: number): number {
  return family.recycleHours === undefined ? Number.POSITIVE_INFINITY : from + family.recycleHours(random) * HOUR;
}

/** Realised mean rate since its onset in the last life; of whole lives its nominal rate where the last is short. */
function leakRate({ leak }: Behaviour, level: number, life: { from: number; leaked: number; last: number }): number {
  if (leak === null) return 0;
  const hours = (life.last - life.from) / HOUR - leak.fromHours;
  return hours > 0.5 ? (life.leaked * level) / hours : leak.perHour * level;
}

function withGaps(samples: Sample[], { family, random, now }: Plan): Sample[] {
  const gaps = family.gaps === true ? 5 : random.chance(0.3) ? 1 : 0;
  let kept = samples;
  for (let i = 0; i < gaps; i += 1) {
    const from = random.between(0.05, 0.85) * now;
    const until = from + random.between(0.01, 0.06) * now;
    kept = kept.filter(([t]) => t < from || t > until);
  }
  return kept;
}

function toTraffic(load: NonNullable<Family['load']>, now: number, random: Random): Traffic {
  const phase = random.uniform() * 24;
  // Half a cycle; at least two whole quiet periods are in the window.
  const cycle = now / random.between(4.2, 7);
  const depth = random.between(0.4, 0.8);
  const wobble = random.between(0.01, 0.05);
  const rise = random.between(0.3, 0.9);
  return (t) => {
    const noise = wobble * Math.sin(t / 700 + phase) * Math.cos(t / 1900);
    switch (load) {
      case 'flat':
        return 1 + noise;
      case 'daily':
        return 1 + depth * Math.sin((2 * Math.PI * (t / HOUR + phase)) / 24) + noise;
      case 'phases':
        return (Math.floor(t / cycle) % 2 === 0 ? 1.4 : 0.3) + noise;
      case 'ramp':
        return 0.7 + rise * (t / now) + noise;
    }
  };
}

function toPoints(traffic: Traffic, now: number): Sample[] {
  return Array.from({ length: Math.floor(now / 300) + 1 }, (_, i) => [
    i * 300,
    Math.round(traffic(i * 300) * 100) / 100,
  ]);
}

function toProfile(plan: Plan, behaviour: Behaviour): Sample[] {
  const process = startProcess(behaviour, 0, plan.traffic, plan.random);
  const step = plan.now / 120;
  return Array.from({ length: 120 }, (_, i) => [
    (i + 1) * step,
    Math.round(process((i + 1) * step).share * plan.level),
  ]);
}

function truthOf(plan: Plan, pods: readonly SimulatedPod[], oomAtSeconds: number | null): Truth {
  const { family, after, deployAt } = plan;
  const isLeak = family.label === 'leak';
  const startsWithDeploy = deployAt !== null && isLeak && family.name !== 'before_deploy';
  const isFresh = family.name === 'deploy_fresh';
  return {
    label: family.label,
    fills: family.fills === true,
    bytesPerHour: Object.fromEntries(pods.map(({ pod, leakBytesPerHour }) => [pod, leakBytesPerHour])),
    onsetSeconds: isLeak ? (after.leak?.fromHours ?? 0) * HOUR + (startsWithDeploy ? deployAt : 0) : null,
    oomAtSeconds,
    isChangePoint: deployAt === null || isFresh ? null : isChange(family, after),
    rollback: deployAt === null ? null : isFresh ? 'need-more-evidence' : rollbackOf(family),
    returnsInQuiet: family.load === 'phases' ? quietTruth(plan) : null,
    sloState: null,
    scored: { detect: !isFresh, rate: isLeak, oom: isLeak },
  };
}

/** From the first to the last quiet period memory grows by more than 5 %, or not at all; in between is a close call. */
function quietTruth({ after, now }: Plan): boolean | null {
  if (after.leak === null) return true;
  return (after.leak.perHour * 0.45 * now) / HOUR > 0.06 ? false : null;
}

function isChange(family: Family, after: Behaviour): boolean | null {
  if (family.name === 'deploy_noop' || family.name === 'deploy_cold_cache' || family.name === 'before_deploy')
    return false;
  return family.name === 'deploy_step' && family.label === 'healthy' ? (after.step?.share ?? 0) > 0.03 : true;
}

function rollbackOf(family: Family): 'yes' | 'no' {
  return family.label === 'leak' && family.name !== 'before_deploy' ? 'yes' : 'no';
}

function hash(text: string): number {
  let value = 2166136261;
  for (const char of text) value = Math.imul(value ^ (char.codePointAt(0) ?? 0), 16777619);
  return value >>> 0;
}
