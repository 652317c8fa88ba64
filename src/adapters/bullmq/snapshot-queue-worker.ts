import { type ConnectionOptions, type Job, Worker } from 'bullmq';
import { brokenOffBy, furtherOf } from '../../analysis/broken-off.ts';
import type { Snapshot } from '../../analysis/snapshot.ts';
import { failed, inconclusive, messageOf, type Outcome, ok } from '../../errors.ts';
import { closeWorker } from '../close-worker.ts';
import { boundSnapshot } from './snapshot-bound.ts';
import { CENSUS_JOB, CensusJob, lookIdOf, type SeenSoFar, SnapshotJob, snapshotQueueName } from './snapshot-queue.ts';

/** Looks at different targets under way at once. A look is mostly waiting between its two halves. */
const CONCURRENCY = 8;
/** Renewed at half time. A killed collector's job is taken over after the lock and one check, twice this time. */
const LOCK_MS = 15_000;
/** One string of Redis. */
const FIND_MS = 2000;
/** The looks are aborted by then: what is left is one write to Redis for each. */
const LAST_ANSWERS_MS = 2000;

export type SnapshotWorkerOptions<Target extends { instance: string }> = {
  connection: ConnectionOptions;
  prefix: string;
  site: string;
  /** Longest time of one job, waiting for another look at the same target included. */
  deadlineSeconds: number;
  /** A collector that was silent for so long has lost its jobs; another one takes them over. Default 15 s. */
  lockMs?: number;
  /** The live process that the job means; a Failure when there is none. */
  chooseTarget: (service: string, instance: string | null) => Outcome<Target>;
  /** Looks twice; must be safe to repeat. Hands over what it has seen after each rung, before the next one begins. */
  takeLook: (target: Target, service: string, context: TakeLookContext) => Promise<Outcome<Snapshot>>;
  soFar: SeenSoFar;
  /** One census for a baseline. Never rejects: a baseline without it is one, too. */
  takeCensus: (job: CensusJob, signal: AbortSignal) => Promise<void>;
  onError: (error: Error) => void;
};

export type TakeLookContext = { keep: (partial: Snapshot) => Promise<void>; signal: AbortSignal };

/**
 * Takes the snapshot jobs of a site: one at a time for each target, several targets at once. A job is answered even when
 * the look fails; it runs again when the collector died in it, once.
 * `close` aborts the looks under way, answers their jobs with what they saw, and ends.
 */
export function startSnapshotWorker<Target extends { instance: string }>(
  options: SnapshotWorkerOptions<Target>,
): { close: () => Promise<void> } {
  const closing = new AbortController();
  const takeJob = createJobTaker(options, closing.signal);
  const process = async ({ id = '', name, data }: Job): Promise<Outcome<Snapshot> | null> =>
    name === CENSUS_JOB ? await takeCensus(data, options, closing.signal) : await takeJob(id, data);
  const worker = new Worker(snapshotQueueName(options.site), process, {
    connection: options.connection,
    prefix: options.prefix,
    concurrency: CONCURRENCY,
    lockDuration: options.lockMs ?? LOCK_MS,
    stalledInterval: options.lockMs ?? LOCK_MS,
    maxStalledCount: 1,
  });
  worker.on('failed', (_job, error) => options.onError(error));
  worker.on('error', options.onError);

  return {
    async close() {
      closing.abort(new Error('the collector is being stopped'));
      await closeWorker(worker, LAST_ANSWERS_MS);
    },
  };
}

/** Longer ago, and the process may be another, or no longer healthy. */
const CENSUS_WITHIN_MS = 60_000;

async function takeCensus<Target extends { instance: string }>(
  data: unknown,
  options: Pick<SnapshotWorkerOptions<Target>, 'takeCensus' | 'deadlineSeconds'>,
  closing: AbortSignal,
): Promise<null> {
  const job = CensusJob.safeParse(data);
  if (!job.success || Date.now() - job.data.askedAt > CENSUS_WITHIN_MS) return null;
  const signal = AbortSignal.any([closing, AbortSignal.timeout(options.deadlineSeconds * 1000)]);
  await Promise.race([options.takeCensus(job.data, signal), whenAborted(signal, () => {})]);
  return null;
}

/** Answers one job; looks at one target wait for each other. */
function createJobTaker<Target extends { instance: string }>(
  options: SnapshotWorkerOptions<Target>,
  closing: AbortSignal,
): (jobId: string, data: unknown) => Promise<Outcome<Snapshot>> {
  const busy = new Map<string, Promise<unknown>>();
  const { soFar, deadlineSeconds } = options;
  return async (jobId, data) => {
    const lookId = lookIdOf(options.site, jobId);
    const job = SnapshotJob.safeParse(data);
    if (!job.success) return ofAnotherVersion();
    const { service, instance } = job.data;
    const earlier = await findEarlier(lookId, soFar, closing);
    const target = options.chooseTarget(service, earlier?.instance ?? instance);
    if (target.outcome !== 'ok') return orElse(target, earlier);
    const deadline = AbortSignal.any([closing, AbortSignal.timeout(deadlineSeconds * 1000)]);
    const name = target.value.instance;
    let seen = earlier;
    const keep = async (partial: Snapshot): Promise<void> => {
      seen = boundSnapshot(seen === null ? partial : furtherOf(partial, seen));
      await soFar.keep(lookId, seen);
    };
    const turn = afterwards(busy.get(name), () => {
      if (deadline.aborted) return late(name, deadlineSeconds);
      return look(options, target.value, service, { keep, signal: deadline });
    });
    busy.set(name, turn);
    const answer = await Promise.race([turn, whenAborted(deadline, () => late(name, deadlineSeconds))]);
    if (busy.get(name) === turn) busy.delete(name);
    return orElse(answer, seen);
  };
}

/** What a collector saw that was killed in this job. Of that process, more is wanted. */
async function findEarlier(lookId: string, soFar: SeenSoFar, closing: AbortSignal): Promise<Snapshot | null> {
  const late = AbortSignal.any([closing, AbortSignal.timeout(FIND_MS)]);
  const found = await Promise.race([soFar.find(lookId).catch(() => null), whenAborted(late, () => null)]);
  return found === null ? null : brokenOffBy('the collector was killed, or lost Redis', found);
}

/** The answer; where it is none or came less far, what was seen before it. */
function orElse(answer: Outcome<Snapshot>, seen: Snapshot | null): Outcome<Snapshot> {
  if (seen === null) return answer;
  if (answer.outcome === 'ok') return ok(furtherOf(answer.value, seen));
  const before = seen.brokenOff?.why ?? null;
  return ok(brokenOffBy(before === null ? answer.why : `${before}; then ${answer.why}`, seen));
}

async function look<Target extends { instance: string }>(
  { takeLook, deadlineSeconds }: SnapshotWorkerOptions<Target>,
  target: Target,
  service: string,
  context: TakeLookContext,
): Promise<Outcome<Snapshot>> {
  try {
    const answer = await takeLook(target, service, context);
    return answer.outcome === 'ok' ? ok(boundSnapshot(answer.value)) : answer;
  } catch (error) {
    if (context.signal.aborted) return late(target.instance, deadlineSeconds);
    return failed('us', `the look at ${target.instance} broke: ${messageOf(error)}`, 'Read the log of the collector');
  }
}

async function afterwards<T>(earlier: Promise<unknown> | undefined, next: () => T | Promise<T>): Promise<T> {
  await earlier?.catch(() => {});
  return await next();
}

function whenAborted<T>(signal: AbortSignal, value: () => T): Promise<T> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(value());
    else signal.addEventListener('abort', () => resolve(value()), { once: true });
  });
}

function late(instance: string, deadlineSeconds: number) {
  return inconclusive(
    'operator',
    `the look at ${instance} did not end within ${deadlineSeconds} s, or the collector was stopped in it`,
    'Ask for the snapshot again; if it stays so, the process holds the GIL or the machine is overloaded',
  );
}

function ofAnotherVersion() {
  return failed(
    'operator',
    'the snapshot job is of another version of memtriage',
    'Run bot and collector of one version',
  );
}
