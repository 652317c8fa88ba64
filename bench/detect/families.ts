import type { Random } from './random.ts';
import { type Behaviour, calm } from './service.ts';

/** One kind of service: its load, its releases and its pods. Times in hours unless named otherwise. */
export type Family = {
  name: string;
  label: 'healthy' | 'leak';
  /** Grows towards a level (warm-up, cache): counted apart in the alarms through time. */
  fills?: boolean;
  hours: (random: Random) => number;
  load?: 'flat' | 'daily' | 'phases' | 'ramp';
  hidesTraffic?: boolean;
  pods?: number;
  leakingPods?: number;
  /** Worker restarts a pod: lives of about this long. */
  recycleHours?: (random: Random) => number;
  diesAtLimit?: boolean;
  /** Share of the window at which a release comes; `fresh`: minutes before its end. */
  deploy?: (random: Random) => number;
  behaviour: (random: Random, hours: number) => Behaviour;
  /** The release before the deploy; default: a calm one of the same level. */
  before?: (random: Random, hours: number, after: Behaviour) => Behaviour;
  gaps?: boolean;
};

type Leak = NonNullable<Behaviour['leak']>;

const halfDay = (random: Random) => random.between(9, 28);
const days = (random: Random) => random.between(50, 80);

/** Between 8 % and 60 % of the level over the window, at least 0.45 % an hour. */
function leakOver(random: Random, hours: number, by: Leak['by'] = 'time'): Leak {
  return { perHour: Math.max(0.0045, random.logBetween(0.1, 0.6) / hours), fromHours: 0, by };
}

const leaking =
  (by: Leak['by'] = 'time') =>
  (random: Random, hours: number): Behaviour => ({ ...calm(random), leak: leakOver(random, hours, by) });

const gcTeeth = (random: Random) => ({ share: random.between(0.05, 0.3), hours: random.logBetween(0.2, 1) });
const longTeeth = (random: Random) => ({ share: random.between(0.04, 0.15), hours: random.between(1.5, 3.5) });
const atMiddle = (random: Random) => random.between(0.35, 0.65);
const level = (random: Random) => random.between(0.04, 0.12);

const HEALTHY: readonly Omit<Family, 'label'>[] = [
  { name: 'steady', hours: halfDay, behaviour: calm },
  {
    name: 'ou_drift',
    hours: halfDay,
    behaviour: (r) => ({ ...calm(r), wander: { share: r.between(0.005, 0.015), hours: r.between(0.5, 2) } }),
  },
  {
    name: 'ou_big',
    hours: halfDay,
    behaviour: (r) => ({ ...calm(r), wander: { share: r.between(0.015, 0.035), hours: r.between(0.5, 1.5) } }),
  },
  { name: 'log_creep', hours: halfDay, behaviour: (r) => ({ ...calm(r), creep: r.between(0.01, 0.025) }) },
  {
    name: 'warmup_plateau',
    fills: true,
    hours: halfDay,
    behaviour: (r, h) => ({ ...calm(r), warmUp: { share: r.between(0.2, 0.5), hours: h * r.between(0.02, 0.1) } }),
  },
  {
    name: 'lru_fill',
    fills: true,
    hours: halfDay,
    behaviour: (r, h) => ({ ...calm(r), fill: { share: r.between(0.2, 0.6), hours: h * r.between(0.1, 0.4) } }),
  },
  {
    name: 'lru_fill_late',
    fills: true,
    hours: halfDay,
    behaviour: (r, h) => ({ ...calm(r), fill: { share: r.between(0.2, 0.5), hours: h * r.between(0.5, 0.7) } }),
  },
  {
    name: 'ttl_cache',
    fills: true,
    hours: halfDay,
    behaviour: (r) => ({ ...calm(r), load: r.between(0.05, 0.15), fill: { share: r.between(0.1, 0.3), hours: 1.5 } }),
  },
  { name: 'gc_sawtooth', hours: halfDay, behaviour: (r) => ({ ...calm(r), teeth: gcTeeth(r) }) },
  { name: 'gc_long', hours: halfDay, behaviour: (r) => ({ ...calm(r), teeth: longTeeth(r) }) },
  { name: 'diurnal', hours: days, load: 'daily', behaviour: (r) => ({ ...calm(r), load: r.between(0.08, 0.3) }) },
  {
    name: 'diurnal_nt',
    hours: days,
    load: 'daily',
    hidesTraffic: true,
    behaviour: (r) => ({ ...calm(r), load: r.between(0.08, 0.3) }),
  },
  {
    name: 'quiet_return',
    hours: halfDay,
    load: 'phases',
    behaviour: (r) => ({ ...calm(r), load: r.between(0.08, 0.25) }),
  },
  {
    name: 'quiet_return_nt',
    hours: halfDay,
    load: 'phases',
    hidesTraffic: true,
    behaviour: (r) => ({ ...calm(r), load: r.between(0.08, 0.25) }),
  },
  {
    name: 'traffic_ramp',
    hours: halfDay,
    load: 'ramp',
    behaviour: (r) => ({ ...calm(r), load: r.between(0.08, 0.25) }),
  },
  {
    name: 'batch_spikes',
    hours: halfDay,
    behaviour: (r) => ({ ...calm(r), peaks: { share: r.between(0.1, 0.4), perHour: r.between(0.5, 2), stays: 0 } }),
  },
  {
    name: 'highwater',
    hours: halfDay,
    behaviour: (r) => ({
      ...calm(r),
      peaks: { share: r.between(0.15, 0.3), perHour: 0.2, stays: r.between(0.3, 0.7) },
    }),
  },
  {
    name: 'recycle_healthy',
    hours: halfDay,
    recycleHours: (r) => r.between(1.5, 3),
    behaviour: (r) => ({ ...calm(r), fill: { share: r.between(0.05, 0.2), hours: 0.8 } }),
  },
  { name: 'rolling_restart', hours: halfDay, pods: 3, recycleHours: (r) => r.between(6, 9), behaviour: calm },
  { name: 'pods4', hours: halfDay, pods: 4, behaviour: calm },
  { name: 'deploy_noop', hours: halfDay, deploy: atMiddle, behaviour: calm },
  {
    name: 'deploy_step',
    hours: halfDay,
    deploy: atMiddle,
    behaviour: (r) => ({ ...calm(r), step: { share: level(r), atHours: 0 } }),
  },
  {
    name: 'deploy_cold_cache',
    fills: true,
    hours: halfDay,
    deploy: atMiddle,
    behaviour: (r, h) => ({ ...calm(r), fill: { share: r.between(0.1, 0.3), hours: h * r.between(0.08, 0.2) } }),
  },
  { name: 'deploy_fix', hours: halfDay, deploy: atMiddle, behaviour: calm, before: leaking() },
  { name: 'deploy_fresh', hours: halfDay, deploy: () => 0.985, behaviour: calm },
  { name: 'gaps', hours: halfDay, gaps: true, behaviour: (r) => ({ ...calm(r), teeth: gcTeeth(r) }) },
];

const LEAKING: readonly Omit<Family, 'label'>[] = [
  { name: 'linear', hours: halfDay, behaviour: leaking() },
  { name: 'by_request', hours: halfDay, behaviour: leaking('requests') },
  {
    name: 'slow',
    hours: (r) => r.between(18, 40),
    behaviour: (r) => ({ ...calm(r), leak: { perHour: r.between(0.003, 0.01), fromHours: 0, by: 'time' } }),
  },
  {
    name: 'slow_long_gc',
    hours: (r) => r.between(18, 40),
    behaviour: (r) => ({
      ...calm(r),
      teeth: longTeeth(r),
      leak: { perHour: r.between(0.004, 0.012), fromHours: 0, by: 'time' },
    }),
  },
  { name: 'sawtooth', hours: halfDay, behaviour: (r, h) => ({ ...leaking()(r, h), teeth: gcTeeth(r) }) },
  {
    name: 'vs_ou',
    hours: halfDay,
    behaviour: (r, h) => ({ ...leaking()(r, h), wander: { share: r.between(0.01, 0.02), hours: r.between(0.5, 1.5) } }),
  },
  {
    name: 'warmup',
    hours: halfDay,
    behaviour: (r, h) => ({
      ...leaking()(r, h),
      warmUp: { share: r.between(0.2, 0.4), hours: h * r.between(0.03, 0.1) },
    }),
  },
  { name: 'bursts', hours: halfDay, behaviour: leaking('bursts') },
  { name: 'fragmentation', hours: halfDay, behaviour: leaking('root') },
  { name: 'phase_b', hours: halfDay, load: 'phases', behaviour: leaking('busy') },
  {
    name: 'diurnal',
    hours: days,
    load: 'daily',
    behaviour: (r, h) => ({ ...leaking('requests')(r, h), load: r.between(0.08, 0.25) }),
  },
  {
    name: 'diurnal_nt',
    hours: days,
    load: 'daily',
    hidesTraffic: true,
    behaviour: (r, h) => ({ ...leaking('requests')(r, h), load: r.between(0.08, 0.25) }),
  },
  {
    name: 'quiet_noreturn',
    hours: halfDay,
    load: 'phases',
    behaviour: (r, h) => ({ ...leaking()(r, h), load: r.between(0.08, 0.25) }),
  },
  {
    name: 'quiet_noreturn_nt',
    hours: halfDay,
    load: 'phases',
    hidesTraffic: true,
    behaviour: (r, h) => ({ ...leaking()(r, h), load: r.between(0.08, 0.25) }),
  },
  {
    name: 'traffic_ramp',
    hours: halfDay,
    load: 'ramp',
    behaviour: (r, h) => ({ ...leaking('requests')(r, h), load: r.between(0.03, 0.1) }),
  },
  {
    name: 'batch',
    hours: halfDay,
    behaviour: (r, h) => ({ ...leaking()(r, h), peaks: { share: r.between(0.1, 0.4), perHour: 1, stays: 0 } }),
  },
  {
    name: 'recycle',
    hours: halfDay,
    recycleHours: (r) => r.between(1.5, 3),
    behaviour: (r) => ({ ...calm(r), leak: { perHour: r.between(0.03, 0.15), fromHours: 0, by: 'time' } }),
  },
  {
    name: 'oom_loop',
    hours: halfDay,
    diesAtLimit: true,
    behaviour: (r) => ({ ...calm(r), leak: { perHour: r.between(0.06, 0.3), fromHours: 0, by: 'time' } }),
  },
  { name: 'one_of_4', hours: halfDay, pods: 4, leakingPods: 1, behaviour: leaking() },
  { name: 'all_of_3', hours: halfDay, pods: 3, leakingPods: 3, behaviour: leaking() },
  {
    name: 'late_onset',
    hours: halfDay,
    behaviour: (r, h) => {
      const from = r.between(0.3, 0.6) * h;
      return { ...calm(r), leak: { ...leakOver(r, h - from), fromHours: from } };
    },
  },
  {
    name: 'late_onset_recent',
    hours: halfDay,
    behaviour: (r, h) => {
      const from = r.between(0.7, 0.8) * h;
      return { ...calm(r), leak: { perHour: r.between(0.1, 0.3) / (h - from), fromHours: from, by: 'time' } };
    },
  },
  { name: 'deploy', hours: halfDay, deploy: atMiddle, behaviour: (r, h) => leaking()(r, h / 2) },
  {
    name: 'deploy_step',
    hours: halfDay,
    deploy: atMiddle,
    behaviour: (r, h) => ({ ...leaking()(r, h / 2), step: { share: level(r), atHours: 0 } }),
  },
  {
    name: 'deploy_gc',
    hours: halfDay,
    deploy: atMiddle,
    behaviour: (r, h) => ({ ...leaking()(r, h / 2), teeth: gcTeeth(r) }),
    before: (r, _, after) => ({ ...calm(r), teeth: after.teeth }),
  },
  {
    name: 'before_deploy',
    hours: halfDay,
    deploy: atMiddle,
    behaviour: (r, h) => leaking()(r, h / 2),
    before: (_r, _h, after) => after,
  },
  { name: 'gaps', hours: halfDay, gaps: true, behaviour: leaking() },
  {
    name: 'short',
    hours: (r) => r.between(2.5, 5),
    behaviour: (r, h) => ({ ...calm(r), leak: { perHour: r.between(0.1, 0.3) / h, fromHours: 0, by: 'time' } }),
  },
];

export const FAMILIES: readonly Family[] = [
  ...HEALTHY.map((family): Family => ({ ...family, label: 'healthy' })),
  ...LEAKING.map((family): Family => ({ ...family, label: 'leak' })),
];
