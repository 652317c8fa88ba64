import { createHash } from 'node:crypto';
import { type ConnectionOptions, Worker } from 'bullmq';
import { z } from 'zod';
import { openQueue } from '../open-queue.ts';

export const WATCH_QUEUE = 'watch';

const WatchJob = z.object({ service: z.string() });

/** One waits for its series while another is analysed. More would hold up a command: each computes for some 70 ms. */
const CONCURRENCY = 2;

export type WatchSchedule = {
  /** One scheduler for each service; those of services that are gone from the configuration are removed. */
  keep(services: readonly { name: string; everySeconds: number }[]): Promise<void>;
  close(): Promise<void>;
};

/** Repeated jobs live in Redis, once for all replicas: any of them may do any of them. */
export function createWatchSchedule(connection: ConnectionOptions, prefix: string): WatchSchedule {
  const queue = openQueue(WATCH_QUEUE, connection, prefix);
  return {
    async keep(services) {
      const known = new Map((await queue.getJobSchedulers()).map(({ key, offset }) => [key, offset]));
      for (const { name, everySeconds } of services) {
        const id = schedulerId(name);
        const every = Math.round(everySeconds * 1000);
        const offset = offsetOf(id, every);
        // One that is there keeps its place, also when it was made before places were given.
        if (known.has(id) && known.get(id) !== offset) await queue.removeJobScheduler(id);
        await queue.upsertJobScheduler(
          id,
          { every, offset },
          { name: 'watch', data: { service: name }, opts: { removeOnComplete: true, removeOnFail: 100 } },
        );
      }
      const wanted = new Set(services.map(({ name }) => schedulerId(name)));
      for (const key of known.keys()) if (!wanted.has(key)) await queue.removeJobScheduler(key);
    },
    close: () => queue.close(),
  };
}

/**
 * Each service's own place between two looks, milliseconds, 1 to `every` - 1 and the same in every replica. All at the
 * same moment, 500 services held the bot for half a minute out of five.
 */
function offsetOf(id: string, every: number): number {
  return 1 + (Number.parseInt(id.slice(0, 8), 16) % (every - 1));
}

/** Scheduler ids become part of job ids, where colons are refused. */
function schedulerId(service: string): string {
  return createHash('sha256').update(service).digest('hex').slice(0, 32);
}

export function startWatchWorker(options: {
  connection: ConnectionOptions;
  prefix: string;
  /** `atMs`: the moment that the look was due, epoch milliseconds; the same again when a job is done twice. */
  run: (service: string, atMs: number) => Promise<void>;
  onError: (error: Error) => void;
}): Worker {
  const { connection, prefix, run, onError } = options;
  const worker = new Worker(
    WATCH_QUEUE,
    async (job) => await run(WatchJob.parse(job.data).service, job.timestamp + (job.opts.delay ?? 0)),
    { connection, prefix, concurrency: CONCURRENCY },
  );
  worker.on('error', onError);
  worker.on('failed', (_job, error) => onError(error));
  return worker;
}
