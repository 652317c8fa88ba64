import { createHash } from 'node:crypto';
import { type ConnectionOptions, Worker } from 'bullmq';
import { z } from 'zod';
import { openQueue } from '../open-queue.ts';

const QUEUE = 'teams';

/** `digest`: the team comes to work. `shifts`: a look at whether a shift has ended. */
export const TeamJob = z.object({ kind: z.enum(['digest', 'shifts']), team: z.string() });
export type TeamJob = z.infer<typeof TeamJob>;

/** A summary of a shift comes this much later at the most. */
const SHIFTS_EVERY_MS = 5 * 60_000;
const CONCURRENCY = 4;

/** `openMinute`: when the team begins its day, minutes since local midnight. */
export type TeamDay = { name: string; timezone: string; openMinute: number };

export type TeamSchedule = {
  /** Two schedulers for each team; those of teams that are gone from the configuration are removed. */
  keep(teams: readonly TeamDay[]): Promise<void>;
  /** When the schedulers run next, epoch milliseconds. */
  nextRuns(): Promise<{ job: TeamJob; atMs: number }[]>;
  close(): Promise<void>;
};

/** Its schedulers live in Redis, once for all replicas, in the zone of each team. */
export function createTeamSchedule(connection: ConnectionOptions, prefix: string): TeamSchedule {
  const queue = openQueue(QUEUE, connection, prefix);
  return {
    async keep(teams) {
      for (const { name, timezone, openMinute } of teams) {
        const pattern = `${openMinute % 60} ${Math.floor(openMinute / 60)} * * *`;
        await queue.upsertJobScheduler(idOf('digest', name), { pattern, tz: timezone }, templateOf('digest', name));
        await queue.upsertJobScheduler(idOf('shifts', name), { every: SHIFTS_EVERY_MS }, templateOf('shifts', name));
      }
      const wanted = new Set(teams.flatMap(({ name }) => [idOf('digest', name), idOf('shifts', name)]));
      for (const { key } of await queue.getJobSchedulers()) {
        if (!wanted.has(key)) await queue.removeJobScheduler(key);
      }
    },
    async nextRuns() {
      const schedulers = await queue.getJobSchedulers();
      return schedulers.flatMap(({ template, next }) => {
        const job = TeamJob.safeParse(template?.data);
        return job.success && next !== undefined ? [{ job: job.data, atMs: next }] : [];
      });
    },
    close: () => queue.close(),
  };
}

function templateOf(kind: TeamJob['kind'], team: string) {
  const opts = { removeOnComplete: true, removeOnFail: 100, attempts: 20, backoff: { type: 'fixed', delay: 15_000 } };
  return { name: kind, data: { kind, team }, opts };
}

/** Scheduler ids become part of job ids, where colons are refused. */
function idOf(kind: TeamJob['kind'], team: string): string {
  return createHash('sha256').update(`${kind} ${team}`).digest('hex').slice(0, 32);
}

export function startTeamWorker(options: {
  connection: ConnectionOptions;
  prefix: string;
  /** `atMs`: the moment that it was due, epoch milliseconds; the same again when a job is done twice. */
  run: (job: TeamJob, atMs: number) => Promise<void>;
  onError: (error: Error) => void;
}): Worker {
  const { connection, prefix, run, onError } = options;
  const worker = new Worker(
    QUEUE,
    async (job) => await run(TeamJob.parse(job.data), job.timestamp + (job.opts.delay ?? 0)),
    { connection, prefix, concurrency: CONCURRENCY },
  );
  worker.on('error', onError);
  worker.on('failed', (_job, error) => onError(error));
  return worker;
}
