import { createHash } from 'node:crypto';
import { type ConnectionOptions, Queue, Worker } from 'bullmq';
import { z } from 'zod';

const QUEUE = 'watch';

const WatchJob = z.object({ service: z.string() });

/** Reading a service's series is waiting; more at once only queues up in Prometheus or Redis. */
const CONCURRENCY = 8;

export type WatchSchedule = {
  /** One scheduler for each service; those of services that are gone from the configuration are removed. */
  keep(services: readonly { name: string; everySeconds: number }[]): Promise<void>;
  close(): Promise<void>;
};

/** Repeated jobs live in Redis, once for all replicas: any of them may do any of them. */
export function createWatchSchedule(connection: ConnectionOptions, prefix: string): WatchSchedule {
  const queue = new Queue(QUEUE, { connection, prefix });
  // Told once by the connection's own watch (connection.ts); each call rejects by itself.
  queue.on('error', () => {});
  return {
    async keep(services) {
      for (const { name, everySeconds } of services) {
        await queue.upsertJobScheduler(
          schedulerId(name),
          { every: Math.round(everySeconds * 1000) },
          { name: 'watch', data: { service: name }, opts: { removeOnComplete: true, removeOnFail: 100 } },
        );
      }
      const wanted = new Set(services.map(({ name }) => schedulerId(name)));
      for (const { key } of await queue.getJobSchedulers()) {
        if (!wanted.has(key)) await queue.removeJobScheduler(key);
      }
    },
    close: () => queue.close(),
  };
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
    QUEUE,
    async (job) => await run(WatchJob.parse(job.data).service, job.timestamp + (job.opts.delay ?? 0)),
    { connection, prefix, concurrency: CONCURRENCY },
  );
  worker.on('error', onError);
  worker.on('failed', (_job, error) => onError(error));
  return worker;
}
