import { createTeamSchedule, startTeamWorker } from '../adapters/bullmq/team-queue.ts';
import { closeWorker } from '../adapters/close-worker.ts';
import { createShiftCursor } from '../adapters/redis/shift-cursor.ts';
import { type TeamNewsParts, tellTeam } from '../desks/team-news.ts';
import type { World } from './world.ts';

/** Keeps the schedulers of every team and takes their jobs; closed with the world. */
export async function startTeamNews(world: World, needs: Omit<TeamNewsParts, 'config' | 'cursor'>): Promise<void> {
  const { config, logger, redis, closers } = world;
  const schedule = createTeamSchedule(redis.command(), redis.prefix);
  closers.add('team schedule', schedule.close);
  await schedule.keep(
    [...config.teams.values()].map(({ name, timezone, businessHours }) => ({
      name,
      timezone,
      openMinute: businessHours.fromMinute,
    })),
  );
  const parts = { ...needs, config, cursor: createShiftCursor(redis.command(), redis.prefix) };
  const worker = startTeamWorker({
    connection: redis.blocking(),
    prefix: redis.prefix,
    run: async (job, atMs) => await tellTeam(job, atMs, parts),
    onError: (err) => logger.warn({ err }, 'news of a team failed and are tried again'),
  });
  closers.add('team worker', () => closeWorker(worker));
}
