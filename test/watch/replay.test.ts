import { describe, expect, it } from 'vitest';
import type { InstanceMemory, ServiceMemory } from '../../src/analysis/memory.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/analysis/policy.ts';
import { memoryAsOf } from '../../src/watch/memory-as-of.ts';
import { replay } from '../../src/watch/replay.ts';
import { summarize } from '../../src/watch/replay-summary.ts';
import { instanceOf, memoryOf, ripple } from '../analysis/memory-of.ts';

const MIB = 1024 * 1024;
const START = 1_790_000_000;
const MINUTE = 60;

/** Short windows: looks are 10 s apart, a baseline needs 12 min 15 s, and so does the end of an incident. */
const POLICY: Policy = {
  ...DEFAULT_POLICY,
  warning: { overRatio: 0.15, forSeconds: 60 },
  critical: { overRatio: 0.3, forSeconds: 60, oomKills: 2, withinSeconds: 60 },
  warmUpSeconds: 15,
};

const healthy = (age: number) => (300 - 60 * Math.exp(-age / 15) + ripple(age)) * MIB;
const leaking = (age: number) => healthy(age) + (40 * MIB * age) / MINUTE;

type Life = { from: number; until: number; release: string; end?: InstanceMemory['endReason'] };

/** Minutes since the start of the story; one process after the other. */
function story(lives: readonly Life[]): ServiceMemory {
  const instances = lives.map(({ from, until, release, end }) => {
    const startedAt = START + from * MINUTE;
    const untilSeconds = START + until * MINUTE;
    const level = release === 'leaky' ? leaking : healthy;
    const life = instanceOf({ startedAt, untilSeconds, everySeconds: 4, release }, level);
    return end === undefined ? life : { ...life, endedAt: untilSeconds, endReason: end };
  });
  const kills = instances.flatMap(({ endReason, endedAt }) => (endReason === 'oom' ? (endedAt ?? []) : []));
  return memoryOf(instances, { oomKillsAt: kills, limitBytes: 700 * MIB });
}

/** From the time on when a baseline can be recorded. */
function replayed(memory: ServiceMemory, minutes: number, policy: Policy = POLICY) {
  const [fromSeconds, untilSeconds] = [START + 12 * MINUTE, START + minutes * MINUTE];
  const given = { service: 'checkout', memory, fromSeconds, untilSeconds };
  const told = replay({ ...given, policy });
  return { ...told, minute: (at: number | null | undefined) => (at == null ? null : (at - START) / MINUTE) };
}

const LEAK: readonly Life[] = [
  { from: 0, until: 14, release: 'good', end: 'deploy' },
  { from: 14, until: 22, release: 'leaky', end: 'oom' },
  { from: 22.1, until: 23, release: 'leaky', end: 'deploy' },
  { from: 23.1, until: 38, release: 'good' },
];

describe('a replay', () => {
  it('raises no alarm on a healthy service, and records its baseline', () => {
    const { alarms, baselines, oomKills } = replayed(story([{ from: 0, until: 15, release: 'good' }]), 15);
    expect(alarms).toEqual([]);
    expect(oomKills).toEqual([]);
    expect(baselines).toEqual([expect.objectContaining({ release: 'good' })]);
  });

  it('tells one alarm of a leak, how long before the OOM kill it came, and that it closed after the rollback', () => {
    const told = replayed(story(LEAK), 38);
    expect(told.alarms).toHaveLength(1);
    const [alarm] = told.alarms;
    expect(alarm).toMatchObject({ level: 'critical', release: 'leaky', borneOutBy: 'oom-kill' });
    expect(told.minute(alarm?.openedAt)).toBeGreaterThan(14);
    expect(told.minute(alarm?.openedAt)).toBeLessThan(18);
    expect(told.minute(alarm?.lastSeenAt)).toBeLessThan(27);
    expect(told.minute(alarm?.closedAt)).toBeGreaterThanOrEqual(35);
    expect(told.oomKills).toEqual([
      { at: START + 22 * MINUTE, leadSeconds: START + 22 * MINUTE - (alarm?.openedAt ?? 0) },
    ]);
    expect(summarize(told)).toMatchObject({ alarms: 1, aloneAlarms: 0, oomKills: 1, foretoldOomKills: 1 });
  });

  it('knows at each moment only what was there: cut off after it, the record gives the same alarms up to then', () => {
    const whole = replayed(story(LEAK), 22);
    const cutAt = START + 20 * MINUTE;
    const cut = replayed(memoryAsOf(story(LEAK), cutAt, 3600), 20);
    expect(cut.alarms.map(({ openedAt, why }) => ({ openedAt, why }))).toEqual(
      whole.alarms.filter(({ openedAt }) => openedAt <= cutAt).map(({ openedAt, why }) => ({ openedAt, why })),
    );
    expect(cut.baselines).toEqual(whole.baselines);
    expect(cut.alarms[0]).toMatchObject({ closedAt: null });
  });

  it('tells OOM kills that no alarm came before', () => {
    const sudden: readonly Life[] = [
      { from: 0, until: 14, release: 'good', end: 'oom' },
      { from: 14.1, until: 17, release: 'good' },
    ];
    const told = replayed(story(sudden), 17);
    expect(told.oomKills).toEqual([{ at: START + 14 * MINUTE, leadSeconds: null }]);
    expect(summarize(told)).toMatchObject({ oomKills: 1, foretoldOomKills: 0, shortestLeadSeconds: null });
  });

  it('tells an alarm that nothing bore out: a release that holds more, and is no leak', () => {
    const fatter = (age: number) => healthy(age) * 1.2;
    const before = story([{ from: 0, until: 14, release: 'good', end: 'deploy' }]);
    const after = instanceOf(
      { startedAt: START + 14 * MINUTE, untilSeconds: START + 20 * MINUTE, everySeconds: 4, release: 'fat' },
      fatter,
    );
    const memory = { ...before, instances: [...before.instances, after] };
    expect(replayed(memory, 20).alarms).toEqual([
      expect.objectContaining({ level: 'warning', release: 'fat', borneOutBy: null }),
    ]);
    const lenient = { ...POLICY, warning: { overRatio: 0.25, forSeconds: 60 } };
    expect(replayed(memory, 20, lenient).alarms).toEqual([]);
  });

  it('says that OOM kills are not counted, where nothing counts them', () => {
    const told = replayed({ ...story(LEAK.slice(0, 1)), oomKillsAt: null }, 14);
    expect(told.oomKills).toBeNull();
    expect(summarize(told)).toMatchObject({ oomKills: null, foretoldOomKills: null });
  });
});
