import { setTimeout as wait } from 'node:timers/promises';
import { type ConnectionOptions, type Job, Queue } from 'bullmq';
import { brokenOffBy } from '../../analysis/broken-off.ts';
import type { Snapshot } from '../../analysis/snapshot.ts';
import { type Failure, failed, inconclusive, messageOf, type Outcome, ok } from '../../errors.ts';
import type { SnapshotTaker } from '../../triage/ports.ts';
import { openQueue } from '../open-queue.ts';
import {
  CENSUS_JOB,
  type CensusJob,
  LOOK_JOB,
  lookIdOf,
  type SeenSoFar,
  SnapshotAnswer,
  snapshotJobId,
  snapshotQueueName,
} from './snapshot-queue.ts';

/** Enough for a collector that was killed in the look to come back and look again (lock 15 s, stalled check 15 s, look 90 s). */
const DEADLINE_SECONDS = 150;
const POLL_MS = 250;
/** One command to Redis may take so long; it then counts as away, and is asked again until the deadline. */
const REDIS_MS = 3000;
/** The same key asked again within this time gets the same answer. */
const KEPT_SECONDS = 86_400;
const KEPT_JOBS = 200;

export type SnapshotTakerOptions = {
  connection: ConnectionOptions;
  prefix: string;
  /** Whether any collector of the site is alive. */
  isSiteAlive: (site: string) => Promise<boolean>;
  soFar: Pick<SeenSoFar, 'find'>;
  deadlineSeconds?: number;
};

export type CensusRequest = Pick<CensusJob, 'service' | 'release' | 'recordedAt'> & { site: string };

export type QueuedSnapshots = SnapshotTaker & {
  /** Asks the site for a census of one process of the service. Waits for Redis only, and rejects when it does not answer. */
  requestCensus(request: CensusRequest): Promise<void>;
  close(): Promise<void>;
};

type Request = Parameters<SnapshotTaker['takeSnapshot']>[0];

/**
 * The bot's side: adds the job to the queue of the site and polls for its answer. Job state, never events: an event that
 * was missed while Redis was away would be waited for in vain.
 * An abort rejects with its reason and leaves the job: whoever goes on with the same key gets its answer.
 */
export function createSnapshotTaker(options: SnapshotTakerOptions): QueuedSnapshots {
  const queues = new Map<string, Queue>();
  const { connection, prefix, deadlineSeconds = DEADLINE_SECONDS } = options;

  function queueOf(site: string): Queue {
    const name = snapshotQueueName(site);
    const queue = queues.get(name) ?? openQueue(name, connection, prefix);
    queues.set(name, queue);
    return queue;
  }

  async function take(request: Request, signal: AbortSignal): Promise<Outcome<Snapshot>> {
    const queue = queueOf(request.site);
    const job = await answered(addJob(queue, request), signal);
    const jobId = job.id ?? '';
    const within = Math.min(deadlineSeconds, request.withinSeconds ?? deadlineSeconds);
    const answer = await pollUntilDone({ queue, jobId, request, options, deadlineSeconds: within, signal });
    return answer.outcome === 'ok' ? answer : await orSeenSoFar(answer, lookIdOf(request.site, jobId), signal);
  }

  /** No answer came: what the look saw before its collector was lost is one, too. */
  async function orSeenSoFar(failure: Failure, lookId: string, signal: AbortSignal): Promise<Outcome<Snapshot>> {
    const seen = await answered(options.soFar.find(lookId), signal).catch(() => null);
    signal.throwIfAborted();
    return seen === null ? failure : ok(brokenOffBy(failure.why, seen));
  }

  return {
    async takeSnapshot(request, signal) {
      signal.throwIfAborted();
      try {
        if (!(await answered(options.isSiteAlive(request.site), signal))) return nobodyThere(request);
        return await take(request, signal);
      } catch (error) {
        signal.throwIfAborted();
        return failed('upstream', `Redis did not answer: ${messageOf(error)}`, 'Check REDIS_URL and that Redis runs');
      }
    },
    async requestCensus({ site, ...request }) {
      const data: CensusJob = { schema: 1, ...request, askedAt: Date.now() };
      const jobId = snapshotJobId(`census/${request.service}/${request.recordedAt}`);
      const job = { jobId, removeOnComplete: true, removeOnFail: true };
      await answered(queueOf(site).add(CENSUS_JOB, data, job), new AbortController().signal);
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}

async function addJob(queue: Queue, { key, service, instance }: Request): Promise<Job> {
  const data = { schema: 1, service, instance };
  return await queue.add(LOOK_JOB, data, {
    jobId: snapshotJobId(key),
    removeOnComplete: { age: KEPT_SECONDS, count: KEPT_JOBS },
    removeOnFail: { age: KEPT_SECONDS, count: KEPT_JOBS },
  });
}

type Poll = {
  queue: Queue;
  jobId: string;
  request: Request;
  options: SnapshotTakerOptions;
  deadlineSeconds: number;
  signal: AbortSignal;
};

async function pollUntilDone(poll: Poll): Promise<Outcome<Snapshot>> {
  const end = Date.now() + poll.deadlineSeconds * 1000;
  while (Date.now() < end) {
    // Redis may come back within the deadline: a poll that fails is only a poll without an answer.
    const answer = await answered(pollOnce(poll), poll.signal).catch(() => null);
    poll.signal.throwIfAborted();
    if (answer !== null) return answer;
    await wait(POLL_MS, undefined, { signal: poll.signal }).catch(() => {});
    poll.signal.throwIfAborted();
  }
  // A job that nobody has begun would be a look that nobody waits for. One under way can't be removed, and need not be.
  await answered(poll.queue.remove(poll.jobId), poll.signal).catch(() => {});
  return tooLate(poll);
}

async function pollOnce({ queue, jobId, request, options }: Poll): Promise<Outcome<Snapshot> | null> {
  const job: Job | undefined = await queue.getJob(jobId);
  if (job === undefined) return vanished();
  if (job.finishedOn !== undefined && job.failedReason !== undefined) return broken(job.failedReason);
  if (job.finishedOn !== undefined) return toAnswer(job.returnvalue);
  return (await options.isSiteAlive(request.site)) ? null : nobodyThere(request);
}

function toAnswer(returned: unknown): Outcome<Snapshot> {
  const answer = SnapshotAnswer.safeParse(returned);
  if (answer.success) return answer.data;
  const cure = 'Run bot and collector of one version';
  return failed('operator', 'the answer of the collector is of another version of memtriage', cure);
}

/** Waits for one answer of Redis, but not for ever; rejects with the signal's reason when it aborts. */
async function answered<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stop = new AbortController();
  const late = wait(REDIS_MS, undefined, { signal: AbortSignal.any([signal, stop.signal]) }).then(() => {
    throw new Error(`no answer within ${REDIS_MS / 1000} s`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}

function nobodyThere({ site, service }: Request): Failure {
  return inconclusive(
    'operator',
    `no collector reported for site ${site} in the last 60 s: nobody can look into the process`,
    `Start \`memtriage collector --site ${site}\` on the host of ${service}`,
  );
}

function tooLate({ deadlineSeconds, request }: Poll): Failure {
  return inconclusive(
    'operator',
    `the collector of site ${request.site} did not answer within ${deadlineSeconds} s`,
    'Ask for the snapshot again, and read the log of the collector',
  );
}

function vanished(): Failure {
  return inconclusive('operator', 'the snapshot job was removed before it was done', 'Ask for the snapshot again');
}

function broken(reason: string): Failure {
  return failed('operator', `the snapshot job failed: ${reason}`, 'Read the log of the collector, and ask again');
}
