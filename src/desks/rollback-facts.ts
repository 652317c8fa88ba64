/** The guards of a rollback as they are at this moment, and what the configuration says about deciding it. */
import { setTimeout } from 'node:timers/promises';
import type { BaselineStore } from '../adapters/redis/baseline-store.ts';
import type { DeployBook } from '../adapters/redis/deploy-book.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import { RECENT_SECONDS } from '../analysis/seen.ts';
import type { RollbackVia, Service } from '../config/config.ts';
import type { Guard, Rollback } from '../incident/rollback.ts';
import { openFreeze } from '../mitigation/freeze.ts';
import { type Inspection, toFacts } from '../mitigation/guard-facts.ts';
import { JUDGED_ONCE, judgeGuards } from '../mitigation/guards.ts';
import { approvalsNeeded, type Decider } from '../mitigation/who-decides.ts';
import type { DeskWorld } from './desk-world.ts';
import type { OffHours } from './off-hours.ts';

export type FactParts = {
  world: Pick<DeskWorld, 'config' | 'memory' | 'signal'>;
  baselines: BaselineStore;
  deploys: DeployBook;
  rollbacks: RollbackBook;
  isOffHours: OffHours;
  /** What the site sees of the workload; null: it can't look. */
  inspect: (service: Service, way: Way) => Promise<Inspection | null>;
  now: () => number;
};

export type Way = Pick<Rollback, 'from' | 'to'>;
type Known = Pick<Rollback, 'guards' | 'migrationWord' | 'endsRollout'> | null;

const INSPECT_MS = 8000;
/** The longest past that the deploys of a service are read for. */
const DEPLOYS_SECONDS = 90 * 86_400;
/** Where none was carried out yet: a program of one's own, and the usual progress deadline of a rollout. */
const USUAL_SECONDS: Readonly<Record<RollbackVia['kind'], number>> = {
  command: 120,
  webhook: 300,
  kubernetes: 600,
  argoRollouts: 600,
  helm: 600,
};

/** How the rollback of the service is decided now. */
export async function deciderOf(service: Service, { world, isOffHours, now }: FactParts): Promise<Decider> {
  const team = service.team === null ? undefined : world.config.teams.get(service.team);
  return {
    mode: service.rollback.mode,
    tier: service.tier,
    twoPerson: team?.twoPerson ?? 'never',
    isOffHours: await isOffHours(service, now()),
  };
}

/**
 * All guards, judged anew. `known`: the record there is, whose slow ones stand (`JUDGED_ONCE`).
 */
export async function guardsNow(
  service: Service,
  way: Way,
  { known, decider }: { known: Known; decider: Decider },
  parts: FactParts,
): Promise<{ guards: Guard[]; endsRollout: boolean }> {
  const { world, baselines, deploys, rollbacks, now } = parts;
  const nowMs = now();
  const nowSeconds = nowMs / 1000;
  const { via, healthyForSeconds, cooldownSeconds, freeze } = service.rollback;
  const since = known === null ? Math.max(RECENT_SECONDS, 2 * healthyForSeconds) : RECENT_SECONDS;
  const [memory, recorded, told, carriedOut, inspection] = await Promise.all([
    world.memory.readMemory(service.name, since, world.signal),
    baselines.list(service.name),
    deploys.list(service.name, nowSeconds - DEPLOYS_SECONDS),
    rollbacks.carriedOut(service.name),
    known === null ? inspectInTime(service, way, parts) : null,
  ]);
  const healthy = recorded.map(({ baseline }) => baseline);
  const gathered = { nowSeconds, memory, baselines: healthy, deploys: told, carriedOut };
  const team = service.team === null ? undefined : world.config.teams.get(service.team);
  const endsRollout = inspection?.endsRollout ?? known?.endsRollout ?? false;
  const guards = judgeGuards({
    ...toFacts(gathered, way),
    ...way,
    via: via?.kind ?? 'command',
    healthyForSeconds,
    freeze: openFreeze(freeze, nowMs, team?.timezone ?? 'UTC'),
    cooldownSeconds,
    migrationWord: known?.migrationWord?.by ?? null,
    isTierZero: service.tier === 0,
    approvalsNeeded: approvalsNeeded(decider),
    inspection,
    endsRollout,
  });
  const before = known?.guards.filter(({ name }) => JUDGED_ONCE.has(name)) ?? [];
  return { guards: guards.map((guard) => before.find(({ name }) => name === guard.name) ?? guard), endsRollout };
}

/** A collector that does not answer must not hold up the report. */
async function inspectInTime(service: Service, way: Way, { inspect }: FactParts): Promise<Inspection | null> {
  const late = setTimeout(INSPECT_MS, null, { ref: false });
  return await Promise.race([inspect(service, way).catch(() => null), late]);
}

/** What a rollback of the service took so far (the median), else what is usual for its way. Seconds. */
export function expectedSeconds(carriedOut: readonly Rollback[], via: RollbackVia['kind']): number {
  const took = carriedOut
    .flatMap(({ act }) =>
      act?.endedAt == null || act.outcome !== 'done' ? [] : [lengthOf(act.startedAt, act.endedAt)],
    )
    .sort((a, b) => a - b);
  return took[Math.floor(took.length / 2)] ?? USUAL_SECONDS[via];
}

function lengthOf(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}
