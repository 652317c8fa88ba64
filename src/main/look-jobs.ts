import { startSnapshotWorker } from '../adapters/bullmq/snapshot-queue-worker.ts';
import { createBaselineStore } from '../adapters/redis/baseline-store.ts';
import { createLooksSoFar } from '../adapters/redis/looks-so-far.ts';
import { withDeadline } from '../adapters/redis/with-deadline.ts';
import type { HealthyCensus } from '../analysis/sibling-diff.ts';
import { chooseSibling, chooseTarget, chooseTypical, type Target } from '../collector/choose-target.ts';
import type { LastGasp } from '../collector/last-gasp.ts';
import { failed, messageOf, ok } from '../errors.ts';
import type { CollectorOptions, Opened } from './collector.ts';

const LOOK_DEADLINE_SECONDS = 90;
const DEFAULT_WINDOW_SECONDS = 10;
/** One list of Redis; a look goes on without it. */
const BASELINE_MS = 2000;

/** Takes the jobs of the site: looks that a bot asked for, and a census for each new baseline. */
export function openLookJobs(
  options: CollectorOptions,
  opened: Opened,
  lastGasp: LastGasp,
): { close: () => Promise<void> } {
  const { sampling, observer, tellOnce } = opened;
  const services = new Map(options.services.map((service) => [service.name, service]));
  return startSnapshotWorker<Target>({
    connection: options.queueConnection,
    prefix: options.prefix,
    site: options.site,
    deadlineSeconds: LOOK_DEADLINE_SECONDS,
    chooseTarget(service, instance) {
      if (options.far?.has(service) === true) return ok(farTarget(service));
      sampling.lookAround();
      return chooseTarget(observer.tables, service, instance);
    },
    soFar: createLooksSoFar(options.redis, options.prefix),
    async takeLook(target, service, context) {
      const lookFar = options.far?.get(service);
      if (lookFar !== undefined) return await lookFar(context);
      const found = services.get(service);
      const { windowSeconds = DEFAULT_WINDOW_SECONDS, attach = false, fork = false, sockets = null } = found ?? {};
      const sibling = chooseSibling(observer.tables, service, target);
      const attachIn = attach ? sockets : null;
      const healthy = await findHealthy(service, options);
      return await lastGasp.standBack(() =>
        options.probe.lookTwice(target, { windowSeconds, attachIn, fork, sibling, healthy, ...context }),
      );
    },
    takeCensus: (job, signal) => lastGasp.standBack(() => takeCensus(job, { options, opened, signal })),
    onError: (error) =>
      tellOnce('snapshot queue', failed('upstream', messageOf(error), 'Check REDIS_URL and that Redis runs')),
  });
}

/** Which process it is, is known only there: all looks at one far service wait for each other. */
function farTarget(service: string): Target {
  return { pid: 0, startTicks: 0, socketPath: null, instance: `far:${service}`, release: null };
}

async function findHealthy(service: string, { redis, prefix }: CollectorOptions): Promise<HealthyCensus | null> {
  const reading = createBaselineStore({ redis, prefix }).current(service);
  const baseline = await withDeadline(reading, BASELINE_MS).catch(() => null);
  return baseline === null || baseline.census === null ? null : { ...baseline, census: baseline.census };
}

type CensusParts = { options: CollectorOptions; opened: Opened; signal: AbortSignal };
type CensusOrder = { service: string; release: string | null; recordedAt: string };

/** Stores with a new baseline what one of its processes holds. A baseline without it is one, too: never rejects. */
async function takeCensus({ service, release, recordedAt }: CensusOrder, parts: CensusParts): Promise<void> {
  const { options, opened, signal } = parts;
  const { redis, prefix, probe, logger } = options;
  opened.sampling.lookAround();
  const target = chooseTypical(opened.observer.tables, service, release);
  const why = (reason: string) => logger.info({ service, release, why: reason }, 'no census for the new baseline');
  if (target === null) return why('no process of the release has a probe here');
  const found = await probe.takeCensus(target, signal);
  if (found.outcome !== 'ok') return why(found.why);
  const storing = createBaselineStore({ redis, prefix }).addCensus(service, recordedAt, found.value);
  const isStored = await withDeadline(storing, BASELINE_MS, signal).catch(messageOf);
  if (isStored !== true) return why(isStored === false ? 'the baseline is gone' : isStored);
  logger.info({ service, release, instance: target.instance }, 'stored a census with the new baseline');
}
