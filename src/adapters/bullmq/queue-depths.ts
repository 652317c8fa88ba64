import { type ConnectionOptions, Queue } from 'bullmq';
import { openQueue } from '../open-queue.ts';

export type QueueDepth = {
  queue: string;
  jobs: Readonly<Record<string, number>>;
  /** Of those that wait for a worker; null: none waits. */
  oldestSeconds: number | null;
};

const STATES = ['waiting', 'prioritized', 'active', 'delayed', 'failed'] as const;
/** Every priority that a queue of ours gives (alert-queue.ts): the oldest of the last may be older than the first. */
const PRIORITIES = [1, 2];

const MAX_PULSES = 10;

export type QueueDepths = {
  /** What is in each queue. Rejects when Redis does not answer. */
  read(): Promise<readonly QueueDepth[]>;
  close(): Promise<void>;
};

export function createQueueDepths(
  connection: ConnectionOptions,
  prefix: string,
  names: readonly string[],
): QueueDepths {
  const queues = names.map((name) => openQueue(name, connection, prefix));
  return {
    read: () => Promise.all(queues.map(readDepth)),
    close: async () => void (await Promise.all(queues.map((queue) => queue.close()))),
  };
}

async function readDepth(queue: Queue): Promise<QueueDepth> {
  const [jobs, perPriority] = await Promise.all([
    queue.getJobCounts(...STATES),
    queue.getCountsPerPriority(PRIORITIES),
  ]);
  // Pulses go first, one each bot: the job behind them is the oldest.
  const heads = [queue.getJobs(['waiting'], 0, MAX_PULSES, true)];
  let index = 0;
  for (const priority of PRIORITIES) {
    heads.push(queue.getJobs(['prioritized'], index, index, true));
    index += perPriority[String(priority)] ?? 0;
  }
  const found = (await Promise.all(heads)).flat();
  const oldest = Math.min(...found.map(({ timestamp }) => timestamp));
  return {
    queue: queue.name,
    jobs,
    oldestSeconds: Number.isFinite(oldest) ? Math.max(0, (Date.now() - oldest) / 1000) : null,
  };
}
