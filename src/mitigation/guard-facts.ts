/** What the guards are judged by, gathered from the stores at this moment. */
import type { Deploy } from '../alert/deploy.ts';
import type { Baseline } from '../analysis/baseline.ts';
import type { InstanceMemory, ServiceMemory } from '../analysis/memory.ts';
import { RECENT_SECONDS } from '../analysis/seen.ts';
import type { RollbackVia } from '../config/config.ts';
import type { Outcome } from '../errors.ts';
import type { Rollback } from '../incident/rollback.ts';
import type { DryRun } from './executor.ts';

/** What the site saw of the workload, without changing anything; null: it was not, or can't be looked at. */
export type Inspection = Pick<DryRun, 'managedBy' | 'isRollingOut' | 'endsRollout'>;

/** Times in epoch seconds. */
export type GuardFacts = {
  nowSeconds: number;
  from: string;
  to: string;
  via: RollbackVia['kind'];
  dataAgeSeconds: number | null;
  running: readonly { release: string | null; startedAt: number | null }[];
  target: { hasBaseline: boolean; ranSeconds: number | null };
  healthyForSeconds: number;
  /** The newest one that a pipeline told of; null: none did. */
  lastDeploy: { release: string; at: number } | null;
  /** The window that is open, as configured; null: none. */
  freeze: string | null;
  lastActAt: number | null;
  cooldownSeconds: number;
  migration: { kind: 'none' } | { kind: 'unknown' } | { kind: 'irreversible'; release: string };
  /** Who gave their word that none forbids it; null: nobody. */
  migrationWord: string | null;
  isTierZero: boolean;
  approvalsNeeded: 1 | 2;
  inspection: Inspection | null;
  /** The site saw, now or when it was proposed, that the rollout under way is the suspect's, and that a rollback ends it. */
  endsRollout: boolean;
};

export type Gathered = {
  nowSeconds: number;
  memory: Outcome<ServiceMemory>;
  baselines: readonly Baseline[];
  deploys: readonly Deploy[];
  /** Newest first. */
  carriedOut: readonly Rollback[];
};

type Judged = Pick<
  GuardFacts,
  'nowSeconds' | 'dataAgeSeconds' | 'running' | 'target' | 'lastDeploy' | 'lastActAt' | 'migration'
>;

/** The facts that what was gathered tells of a rollback of the service from one release to another. Pure. */
export function toFacts({ nowSeconds, memory, baselines, deploys, carriedOut }: Gathered, way: Way): Judged {
  const seen = memory.outcome === 'ok' ? memory.value : null;
  const live = seen?.instances.filter(({ endedAt }) => endedAt === null) ?? [];
  const newest = Math.max(...live.map(lastAt));
  // One that changed nothing is no reason to wait: whoever cured its cause asks again.
  const lastAct = carriedOut.find(({ act }) => act?.isUntouched !== true)?.act ?? null;
  return {
    nowSeconds,
    dataAgeSeconds: Number.isFinite(newest) ? Math.max(0, nowSeconds - newest) : null,
    running: live.map((instance) => toRunning(instance, nowSeconds)),
    target: {
      hasBaseline: baselines.some(({ release }) => release === way.to),
      ranSeconds: seen === null ? null : ranFor(seen.deploys, way),
    },
    lastDeploy: lastOf(deploys),
    lastActAt: lastAct === null ? null : Date.parse(lastAct.endedAt ?? lastAct.startedAt) / 1000,
    migration: migrationBetween(deploys, way),
  };
}

function lastAt({ samples }: InstanceMemory): number {
  return samples.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY;
}

/** What nobody saw for long may run something else by now, or be gone with its host and collector. */
function toRunning(instance: InstanceMemory, nowSeconds: number): GuardFacts['running'][number] {
  const { release, startedAt } = instance;
  return nowSeconds - lastAt(instance) <= RECENT_SECONDS ? { release, startedAt } : { release: null, startedAt: null };
}

type Way = Pick<GuardFacts, 'from' | 'to'>;

/** All the times that the one was the newest before the other, each until the next deploy: a release between is not its own. */
function ranFor(deploys: ServiceMemory['deploys'], { from, to }: Way): number | null {
  const last = deploys.findLastIndex(({ release }) => release === from);
  const times = deploys.slice(0, Math.max(last, 0)).flatMap(({ release, at }, index) => {
    return release === to ? [(deploys[index + 1]?.at ?? at) - at] : [];
  });
  return times.length === 0 ? null : times.reduce((sum, seconds) => sum + seconds, 0);
}

function lastOf(deploys: readonly Deploy[]): GuardFacts['lastDeploy'] {
  const last = deploys.at(-1);
  return last === undefined ? null : { release: last.release, at: Date.parse(last.at) / 1000 };
}

/** What the deploys after that of `to`, up to that of `from`, say of their migrations. */
function migrationBetween(deploys: readonly Deploy[], { from, to }: Way): GuardFacts['migration'] {
  const last = deploys.findLastIndex(({ release }) => release === from);
  const first = deploys.slice(0, last < 0 ? undefined : last).findLastIndex(({ release }) => release === to);
  // A suspect that nobody told of came after all that were told since the target.
  const between = last < 0 && first >= 0 ? deploys.slice(first + 1) : deploys.slice(first + 1, last + 1);
  const bad = between.find(({ migration }) => migration === 'irreversible');
  if (bad !== undefined) return { kind: 'irreversible', release: bad.release };
  // Without the deploy of the target, others may lie between that nobody told of.
  const isWhole =
    first >= 0 && last >= 0 && between.every(({ migration }) => migration === 'none' || migration === 'reversible');
  return { kind: isWhole ? 'none' : 'unknown' };
}
