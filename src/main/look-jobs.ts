import { startSnapshotWorker } from '../adapters/bullmq/snapshot-queue-worker.ts';
import { createLooksSoFar } from '../adapters/redis/looks-so-far.ts';
import { chooseSibling, chooseTarget, type Target } from '../collector/choose-target.ts';
import type { LastGasp } from '../collector/last-gasp.ts';
import { failed, messageOf, ok } from '../errors.ts';
import type { CollectorOptions, Opened } from './collector.ts';

const LOOK_DEADLINE_SECONDS = 90;
const DEFAULT_WINDOW_SECONDS = 10;

/** Takes the snapshot jobs of the site: looks that a bot asked for. */
export function openLookJobs(
  options: CollectorOptions,
  { sampling, observer, tellOnce }: Opened,
  lastGasp: LastGasp,
): { close: () => Promise<void> } {
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
    takeLook(target, service, context) {
      const lookFar = options.far?.get(service);
      if (lookFar !== undefined) return lookFar(context);
      const found = services.get(service);
      const { windowSeconds = DEFAULT_WINDOW_SECONDS, attach = false, fork = false, sockets = null } = found ?? {};
      const sibling = chooseSibling(observer.tables, service, target);
      const attachIn = attach ? sockets : null;
      return lastGasp.standBack(() =>
        options.probe.lookTwice(target, { windowSeconds, attachIn, fork, sibling, ...context }),
      );
    },
    onError: (error) =>
      tellOnce('snapshot queue', failed('upstream', messageOf(error), 'Check REDIS_URL and that Redis runs')),
  });
}

/** Which process it is, is known only there: all looks at one far service wait for each other. */
function farTarget(service: string): Target {
  return { pid: 0, startTicks: 0, socketPath: null, instance: `far:${service}`, release: null };
}
