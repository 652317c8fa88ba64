import { startTriageWorker } from '../adapters/bullmq/triage-queue.ts';
import { closeWorker } from '../adapters/close-worker.ts';
import { patiently } from '../adapters/redis/patiently.ts';
import { createOffHours, type OffHours } from '../desks/off-hours.ts';
import { consider, type PagingParts } from '../desks/page-desk.ts';
import { refreshThread, shareRuns, withNewestAlerts } from '../desks/refresh-thread.ts';
import type { RollbackDesk } from '../desks/rollback-desk.ts';
import { runStoredTriage, type TriageRunner } from '../desks/run-triage.ts';
import type { Ports } from '../triage/ports.ts';
import { createTurns } from '../triage/turns.ts';
import type { Keepers } from './bot-keepers.ts';
import type { Threads } from './bot-threads.ts';
import { loadRunbooks } from './load-runbooks.ts';
import { openMitigating } from './mitigating.ts';
import { startRollbacks, withProposals } from './rollbacks.ts';
import { openPaging, startPaging } from './start-paging.ts';
import { startTeamNews } from './start-team-news.ts';
import { startUmbrellas } from './start-umbrellas.ts';
import type { World } from './world.ts';

export type BotWork = {
  /** Brings the thread of an incident, and whom it pages, to what is stored of it. */
  refresh: (incidentId: string) => Promise<void>;
  paging: PagingParts;
  rollbackDesk: RollbackDesk;
  /** Takes jobs from now on, in any replica, and goes on with what a bot that died left undone. */
  start(): Promise<void>;
};

/** What a bot does behind its doors: triage, pages, rollbacks, umbrellas, news of teams. Closed with the world. */
export async function openWork(world: World, keepers: Keepers, threads: Threads): Promise<BotWork> {
  const { outbox, umbrellas, rootParts } = threads;
  const { incidents, queue } = keepers;
  const isOffHours = createOffHours(world, keepers.rotas);
  const runner = await createRunner(world, keepers, {
    isOffHours,
    thread: withProposals(withNewestAlerts(outbox, umbrellas.place), (...reported) =>
      rollbackDesk.consider(...reported),
    ),
  });
  const refresh = shareRuns(async (incidentId) => {
    const incident = await umbrellas.place(incidentId);
    await consider(incidentId, paging);
    await refreshThread(incidentId, incidents, outbox, { ...runner, rootParts });
    await umbrellas.show(incident);
  });
  const parts = { world, ...keepers, outbox, refresh };
  const mitigating = openMitigating(parts);
  const paging = openPaging({ ...parts, triageQueue: queue, umbrellas });
  const { inspect, carryOut } = mitigating;
  const rollbackDesk = startRollbacks({ ...parts, isOffHours, inspect, carryOut });
  return {
    refresh,
    paging,
    rollbackDesk,
    async start() {
      mitigating.start(rollbackDesk.guardsNow);
      startTriage(world, keepers, runner, refresh);
      await patiently(() => queueOrphans(keepers), world.logger);
      startUmbrellas(world, umbrellas);
      await startPaging(world, paging);
      await startTeamNews(world, parts);
    },
  };
}

async function createRunner(
  { config, logger, signal, memory, prometheus }: World,
  { incidents, observing, baselines, snapshots }: Keepers,
  { isOffHours, thread }: { isOffHours: OffHours; thread: Ports['thread'] },
): Promise<TriageRunner> {
  const ports: Ports = {
    now: Date.now,
    incidents: observing.measureSteps(incidents),
    memory,
    baselines,
    snapshots,
    queries: prometheus,
    thread,
  };
  const runbooks = await loadRunbooks(config.runbooks);
  return { config, runbooks, ports, logger, signal, takeTurn: createTurns(), isOffHours };
}

function startTriage(
  { redis, logger, closers }: World,
  { incidents, observing }: Keepers,
  runner: TriageRunner,
  refresh: BotWork['refresh'],
): void {
  const worker = startTriageWorker({
    connection: redis.blocking(),
    prefix: redis.prefix,
    run: observing.measureRuns(async (incidentId) => {
      await runStoredTriage(incidentId, incidents, runner);
      await refresh(incidentId);
    }),
    onError: (err, incidentId) => logger.warn({ err, incidentId }, 'a triage job failed and is tried again'),
  });
  closers.add('triage worker', () => closeWorker(worker));
}

/** Incidents whose bot died between storing the incident and queueing its job. */
async function queueOrphans({ incidents, queue }: Keepers): Promise<void> {
  const recent = await incidents.recent(100);
  for (const { id, round, state } of recent) if (state === 'triaging') await queue.add(id, round);
}
