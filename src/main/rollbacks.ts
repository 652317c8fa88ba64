/** Rollbacks in a bot: the desk that proposes and decides them, wired to the stores, and its sweep. */
import { createDeployBook } from '../adapters/redis/deploy-book.ts';
import type { UserGroups } from '../adapters/slack/user-groups.ts';
import { everyTick } from '../collector/ticker.ts';
import { createRollbackDesk, type RollbackDesk, type RollbackDeskParts } from '../desks/rollback-desk.ts';
import type { IncidentThread } from '../triage/ports.ts';
import type { World } from './world.ts';

export type RollbacksParts = Omit<RollbackDeskParts, 'world' | 'deploys' | 'now'> & {
  world: World;
  groups: UserGroups;
};

/** An approval that ran out is shown within this time; so long waits what was approved when a bot died. Seconds. */
const SWEEP_EVERY_SECONDS = 10;

/** The desk; its sweep runs until the world closes. */
export function startRollbacks({ world, ...parts }: RollbacksParts): RollbackDesk {
  const { redis, logger, closers } = world;
  const deploys = createDeployBook(redis.command(), redis.prefix);
  const desk = createRollbackDesk({ world, deploys, now: Date.now, ...parts });
  const stop = new AbortController();
  let sweeping: Promise<void> | null = null;
  const sweep = (): void => {
    sweeping ??= desk
      .sweep()
      .catch((err: unknown) => logger.warn({ err }, 'rollbacks could not be looked through; tried again'))
      .finally(() => {
        sweeping = null;
      });
  };
  const ticking = everyTick(SWEEP_EVERY_SECONDS, sweep, stop.signal);
  closers.add('rollbacks', async () => {
    stop.abort();
    await ticking;
    await sweeping;
  });
  return desk;
}

/** The thread, and before each of its reports the rollback that it speaks of: its buttons come with it. */
export function withProposals(thread: IncidentThread, consider: RollbackDesk['consider']): IncidentThread {
  return {
    showProgress: async (incident, progress) => await thread.showProgress(incident, progress),
    async publishReport(incident, report) {
      await consider(incident, report);
      await thread.publishReport(incident, report);
    },
  };
}
