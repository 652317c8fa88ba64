import type { Failure } from '../errors.ts';
import { classifyEnd, DEPLOY_WINDOW_SECONDS } from './end-reason.ts';
import type { Instance } from './instance.ts';
import { createInstanceTable, type InstanceTable, type SampledService } from './instance-table.ts';
import { createOomWatch, type OomWatch } from './oom-watch.ts';

/** What one pass over the site's processes saw. */
export type Observation = {
  atMs: number;
  live: readonly Instance[];
  born: readonly Instance[];
  ended: readonly Instance[];
  /** OOM kills in the cgroups of services whose watched processes all lived on. Epoch seconds. */
  childKills: readonly { service: string; at: number }[];
  /** By service: why processes of it are not, or not all, sampled. */
  failures: ReadonlyMap<string, Failure>;
};

export interface Observer {
  /** Synchronous, so that all processes are read at one moment: 200 take some 10 ms. */
  observe(nowMs: number): Observation;
  /** To be called when a release became known: ended instances that turn out to have been replaced by it. */
  reclassify(): readonly Instance[];
  tables: ReadonlyMap<string, InstanceTable>;
  /** As the last pass saw them. */
  live(): readonly Instance[];
}

const REMEMBERED_ENDS = 1000;

export function createObserver(services: readonly SampledService[], oomWatch: OomWatch = createOomWatch()): Observer {
  const tables = new Map(services.map((service) => [service.name, createInstanceTable(service)]));
  let endedLately: Instance[] = [];

  function end(instance: Instance, nowSeconds: number): void {
    const others = tables.get(instance.service)?.live() ?? [];
    const wasOomKilled = instance.cgroup !== null && oomWatch.claim(instance.cgroup);
    instance.endedAt = nowSeconds;
    instance.endReason = classifyEnd({ ...instance, endedAt: nowSeconds }, others, wasOomKilled);
  }

  function childKills(live: readonly Instance[]): Observation['childKills'] {
    return oomWatch.takeStrays().flatMap(({ cgroup, at }) => {
      const inside = live.filter((instance) => instance.cgroup?.path === cgroup.path);
      return [...new Set(inside.map(({ service }) => service))].map((service) => ({ service, at }));
    });
  }

  function observe(nowMs: number): Observation {
    const nowSeconds = nowMs / 1000;
    const passes = [...tables.values()].map((table) => ({ service: table.service, ...table.pass() }));
    const live = [...tables.values()].flatMap((table) => table.live());
    // The largest first: where the counter names fewer victims than vanished, they are the likeliest.
    const ended = passes.flatMap((pass) => pass.ended).sort((a, b) => b.rssBytes - a.rssBytes);
    oomWatch.refresh(
      [...live, ...ended].flatMap(({ cgroup }) => cgroup ?? []),
      nowSeconds,
    );
    for (const instance of ended) end(instance, nowSeconds);
    endedLately = [...endedLately, ...ended]
      .filter(({ endedAt }) => (endedAt ?? 0) > nowSeconds - DEPLOY_WINDOW_SECONDS)
      .slice(-REMEMBERED_ENDS);
    return {
      atMs: nowMs,
      live,
      born: passes.flatMap((pass) => pass.born),
      ended,
      childKills: childKills(live),
      failures: new Map(passes.flatMap(({ service, failure }) => (failure === null ? [] : [[service, failure]]))),
    };
  }

  function reclassify(): readonly Instance[] {
    return endedLately.filter((instance) => {
      const others = tables.get(instance.service)?.live() ?? [];
      const { endReason, endedAt } = instance;
      if (endReason === 'oom' || endReason === 'deploy' || endedAt === null) return false;
      if (classifyEnd({ ...instance, endedAt }, others, false) !== 'deploy') return false;
      instance.endReason = 'deploy';
      return true;
    });
  }

  const live = (): Instance[] => [...tables.values()].flatMap((table) => table.live());
  return { observe, reclassify, tables, live };
}
